"""The tight month: counts are of limits that are passed, before cuts and after them; page, picture and feeder are what the scripts make of the tables."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import tight_feeder as month
from scripts.tight.counts import agreed_wh, limited
from scripts.tight.lane import FILE, tight
from scripts.tight.page import page
from scripts.tight.plot import bars
from scripts.tight.told import kwh, percent, told, usd
from tests.fakes.run_tables import changed, table_of, week
from tests.fakes.wires import trees

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades, Verdict, with_filled
from commonwatt.grid import GRIDS, Feeder, GridContext
from commonwatt.services.reporting.books import Books

AGAIN = "run `python -m scripts.tight_feeder --page` and commit what it writes"


@given(feeder=trees(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_limit_that_is_passed_is_one_that_the_model_finds(feeder: Feeder, data: st.DataObject) -> None:
    bus = np.arange(len(feeder.buses))
    powers = st.lists(st.integers(-60_000, 60_000), min_size=len(bus), max_size=len(bus))
    net_wh = np.array(data.draw(powers), np.int64)[:, None]
    model = GRIDS.make("radial")
    nothing = with_filled(OrderBook.of(0), Trades.of(0), np.zeros(0, np.int64))
    context = GridContext(0, 3600, Fleet.of(len(bus)), True, feeder, bus)
    said = model.check(net_wh[:, 0], OrderBook.of(0), nothing, context)
    assert limited(feeder, bus, net_wh).slots.tolist() == [said.verdict is Verdict.INFEASIBLE]


def test_what_was_cut_was_agreed_and_is_not_left() -> None:
    facts, tables = week(slots=24, homes=4, flats=2)
    agreed, left = agreed_wh(Books(facts, tables))
    assert np.array_equal(agreed, left)
    assert agreed.any()
    trades = tables["trades"].to_pylist()
    row = next(at for at, trade in enumerate(trades) if trade["seller"] and trade["buyer"] and trade["energy_wh"] > 1)
    took = trades[row]["energy_wh"] // 2
    cut = table_of(
        "curtailments",
        [(trades[row]["slot"], trades[row]["sell_order"], trades[row]["buy_order"], took, 0, 0, "", "", "")],
    )
    now = tables | {"trades": changed(tables["trades"], "energy_wh", row, -took), "curtailments": cut}
    before, after = agreed_wh(Books(facts, now))
    assert np.array_equal(before, agreed)
    assert np.abs(before - after).sum() == 2 * took


def test_the_feeder_is_the_street_with_one_long_cable() -> None:
    assert FILE.read_text(encoding="utf-8") == FeederFile(tight()).text, "run `python -m scripts.tight.lane`"


def test_no_run_of_the_month_is_off_and_all_are_of_the_same_days() -> None:
    rows = month.kept()
    assert list(rows) == month.keys(), "run `python -m scripts.tight_feeder`"
    assert [key for key, (row, _) in rows.items() if not month.is_sound(row)] == []
    assert {row["slots"] for row, _ in rows.values()} == {str(24 * month.DAYS)}


def test_the_page_and_the_picture_show_the_tables() -> None:
    rows = month.kept()
    assert month.PAGE.read_text(encoding="utf-8") == page(rows, month.keys()), AGAIN
    assert month.PAGE.with_suffix(".svg").read_text(encoding="utf-8") == bars(told(rows, month.keys())), AGAIN


def test_the_page_of_envelopes_tells_what_the_month_says() -> None:
    text = (month.ROOT / "docs" / "explain" / "grid-envelopes.md").read_text(encoding="utf-8")
    rows = month.kept()
    for allocation in ("none", "fixed", "envelope"):
        row, _ = rows["ex_ante", "market", "pro_rata", allocation, "uniform_price"]
        told_there = [
            f"{kwh(int(row['traded_wh']))} kWh",
            f"{usd(int(row['cost_nano']))} USD",
            percent(float(row["voltage_max_share"])),
        ]
        told_there += [f"{kwh(int(row['curtailed_pv_wh']))} kWh"] if allocation != "none" else []
        assert [figure for figure in told_there if figure not in text] == []
