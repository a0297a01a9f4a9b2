"""Prices that follow the newest settled slot: a run and its audit see the same, and a member's limit stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeFeed, Ran, rows
from tests.unit.services.test_audit import audit_tables

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Quality, Readings
from commonwatt.pricing import PRICINGS, Pricing, with_terms
from commonwatt.services.deviating import deviation_of
from commonwatt.services.rules import EX_ANTE, EX_POST

HOURS = 5
MIDPOINT = PRICINGS.make("midpoint")


def traded(timing: str, pricing: Pricing) -> Ran:
    feed = FakeFeed.made_up(HOURS)
    feed.silence(2, 1)
    design = replace(markets.rules(timing), pricing=pricing, clearing=markets.rules(EX_ANTE).clearing)
    return markets.run(markets.market(timing, feed=feed, design=design), HOURS)


def prices(ran: Ran, slot: int) -> list[Any]:
    names = ("seller", "buyer", "energy_wh", "sell_price_micro_per_kwh")
    return [tuple(row[name] for name in names) for row in rows(ran.tables["trades"], slot=slot)]


def test_who_ordered_nothing_was_short_of_nothing_and_the_rest_of_order_less_meter() -> None:
    book = OrderBook.of(
        3,
        member=np.array([0, 1, 2]),
        is_sell=np.array([True, False, True]),
        energy_wh=np.array([500, 300, 900]),
        sequence=np.arange(3),
    )
    readings = Readings.of(
        4,
        member=np.arange(4),
        export_wh=np.array([400, 0, 0, 0]),
        import_wh=np.array([0, 350, 0, 250]),
        quality=np.array([Quality.MEASURED, Quality.MEASURED, Quality.MEASURED, Quality.SUBSTITUTED]),
    )

    # The third order was refused; the fourth member's meter was silent.
    seen = deviation_of(book, 2, readings)
    assert seen.short_wh.tolist() == [100, 50, 0, 0]
    assert seen.flagged_share == 0.25


def test_at_a_gate_prices_follow_the_slot_before_the_last() -> None:
    plain, moved = (traded(EX_ANTE, pricing) for pricing in (MIDPOINT, with_terms(MIDPOINT, 300_000, 0)))
    same = [prices(plain, FIRST + hour) == prices(moved, FIRST + hour) for hour in range(HOURS)]

    assert same[:2] == [True, True]
    assert not all(same[2:])
    energies = [[p[:3] for p in prices(ran, FIRST + hour)] for ran in (plain, moved) for hour in range(HOURS)]
    assert energies[:HOURS] == energies[HOURS:]


@pytest.mark.parametrize(("timing", "hour"), [(EX_POST, 2), (EX_ANTE, 4)])
def test_a_silent_meter_makes_a_slot_dearer_at_once_or_at_the_gate_after_next(timing: str, hour: int) -> None:
    plain, moved = (traded(timing, pricing) for pricing in (MIDPOINT, with_terms(MIDPOINT, 0, 300_000)))
    differ = [at for at in range(HOURS) if prices(plain, FIRST + at) != prices(moved, FIRST + at)]

    assert differ == [hour]
    pairs = zip(prices(plain, FIRST + hour), prices(moved, FIRST + hour), strict=True)
    assert all(dear[3] >= cheap[3] for cheap, dear in pairs)


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_the_audit_computes_such_prices_again_and_finds_others(timing: str) -> None:
    ran = traded(timing, with_terms(MIDPOINT, 100_000, 300_000))
    assert all(check.passed for check in audit_tables(ran.audited()))

    ran.market = replace(ran.market, rules=replace(ran.market.rules, pricing=MIDPOINT))
    assert not all(check.passed for check in audit_tables(ran.audited()))
