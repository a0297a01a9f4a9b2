"""What is paid in at the start, by default: from the data where there are data, else from the connection."""

from pathlib import Path

import numpy as np
from tests.fakes.communities import TOML, write_community

from commonwatt.settings import load

ALL_IN = 360_000


def test_a_member_pays_in_fourteen_days_of_its_mean_load(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path))
    load_wh = np.array([[100, 0], [300, 1]], np.int64)
    assert settings.member_deposits_nano(load_wh) == (200 * 24 * 14 * ALL_IN, 12 * 14 * ALL_IN)


def test_a_longer_run_is_paid_for_whole(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path))
    load_wh = np.full((2, 2), 200, np.int64)
    assert settings.member_deposits_nano(load_wh, run_s=30 * 86_400 - 1) == (200 * 24 * 30 * ALL_IN,) * 2
    assert settings.member_deposits_nano(load_wh, run_s=7 * 86_400) == (200 * 24 * 14 * ALL_IN,) * 2


def test_without_data_a_tenth_of_the_connection_is_taken(tmp_path: Path) -> None:
    assert load(write_community(tmp_path)).member_deposits_nano() == (24_000 * 14 * ALL_IN,) * 2


def test_a_deposit_that_is_set_holds_for_everybody(tmp_path: Path) -> None:
    settings = load(
        write_community(tmp_path), overrides=["ledger.member_deposit_nano=5", "ledger.supplier_deposit_nano=6"]
    )
    assert (settings.member_deposits_nano(), settings.supplier_deposit_nano) == ((5, 5), 6)


def test_the_price_cap_is_twice_the_dearest_hour(tmp_path: Path) -> None:
    window = '[[tariff.windows]]\nfrom = "17:00"\nto = "21:00"\nimbalance_buy_micro_per_kwh = 700_000\n[data]'
    settings = load(write_community(tmp_path, TOML.replace("[data]", window)))
    assert settings.price_cap_micro_per_kwh == 2 * (700_000 + 40_000 + 20_000)
    assert load(tmp_path, overrides=["ledger.price_cap_micro_per_kwh=9"]).price_cap_micro_per_kwh == 9


def test_the_price_cap_is_never_zero(tmp_path: Path) -> None:
    free = [f"tariff.{key}_micro_per_kwh=0" for key in ("retail", "feed_in", "grid_fee", "tax")]
    assert load(write_community(tmp_path), overrides=free).price_cap_micro_per_kwh == 1


def test_the_supplier_covers_every_slot_in_flight(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path))
    assert settings.supplier_deposit_nano == 2 * 10_000 * (2 * 4 + 3) * 2 * ALL_IN


def test_an_audit_period_is_hours_or_days(tmp_path: Path) -> None:
    write_community(tmp_path)
    assert load(tmp_path).audit_period_s == 86_400
    assert load(tmp_path, overrides=["ledger.audit_period=6h"]).audit_period_s == 21_600
