"""What the feeder carries, what is lost in it, and what is cut where it is full: by the written rule and no more than it asks for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes.wires import line, wires

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Extremes, GridVerdict, Trades, Verdict, with_filled
from commonwatt.core.units import Ints
from commonwatt.grid import GRIDS, Feeder, GridContext, flowing, power_flow

POOL = -1
FEEDER = wires(line("a", "b"), line("b", "c"), line("a", "d"))
"""The transformer's bus, two houses one behind the other, and one on a cable of its own."""
PLANS = (10_000, 20_000, -25_000)
"""Of a house at b, one at c and one at d, Wh in an hour."""
BETWEEN = ((0, 2, 8000), (1, 2, 16_000))
"""The houses at b and c sell to the one at d."""


def context(feeder: Feeder | None = FEEDER, *, slot_s: int = 3600, is_delivered: bool = False) -> GridContext:
    fleet = Fleet.of(len(PLANS), connection_w=50_000)
    return GridContext(1, slot_s, fleet, is_delivered, feeder, np.array([1, 2, 3], np.int64))


def judged(
    feeder: Feeder | None = FEEDER,
    plans: tuple[int, ...] = PLANS,
    trades: tuple[tuple[int, int, int], ...] = BETWEEN,
    *,
    is_delivered: bool = False,
    **parameters: Any,
) -> GridVerdict:
    sell, buy, energy = np.array(trades, np.int64).reshape(len(trades), 3).T
    book = OrderBook.of(3, member=np.arange(3), is_sell=np.array(plans) > 0, energy_wh=np.abs(np.array(plans)))
    made = Trades.of(len(trades), sell_order=sell, buy_order=buy, energy_wh=energy)
    agreement = with_filled(book, made, np.zeros(3, np.int64))
    return GRIDS.make("radial", **parameters).check(
        np.array(plans), book, agreement, context(feeder, is_delivered=is_delivered)
    )


def left(verdict: GridVerdict, trades: tuple[tuple[int, int, int], ...] = BETWEEN) -> list[int]:
    energy = [wh for _, _, wh in trades]
    for row, cut in verdict.curtailed_wh:
        energy[row] -= cut
    return energy


def loading(feeder: Feeder, net_wh: Ints, name: str) -> float:
    """How full a line is when these members export and the others draw at unity."""
    injected = np.zeros((len(feeder.buses), 1))
    injected[1:, 0] = net_wh
    share = power_flow(feeder, injected, np.zeros_like(injected)).loading_share[:, 0]
    return float(share[feeder.tree.names.index(name)])


def test_what_the_feeder_carries_is_feasible_and_its_losses_are_told() -> None:
    verdict = judged()
    assert (verdict.verdict, verdict.curtailed_wh, verdict.reason) == (Verdict.FEASIBLE, (), "")
    assert verdict.losses_wh > 0
    assert verdict.extremes.fullest == "a-b"
    assert verdict.extremes.lowest == "d"
    assert verdict.extremes.highest == "c"
    assert verdict.extremes.low_ppm < 10**6 < verdict.extremes.high_ppm


def test_a_full_line_cuts_who_pushes_it_alike_and_just_enough() -> None:
    # 30 kW over 400 V are 43 A.
    feeder = replace(FEEDER, lines=(line("a", "b", rating_a=30), *FEEDER.lines[1:]))
    verdict = judged(feeder, power_factor=1.0)
    assert verdict.verdict is Verdict.CURTAILED
    assert verdict.reason.startswith("a-b at 14")
    kept = [energy / traded for energy, (_, _, traded) in zip(left(verdict), BETWEEN, strict=True)]
    assert kept[0] == pytest.approx(kept[1], abs=1e-3)
    # The schedule is what was traded; one Wh more of it would be too much.
    first, second = left(verdict)
    for more, fits in ((0, True), (1, False)):
        net = np.array([first + more, second, -first - more - second])
        assert (loading(feeder, net, "a-b") <= 1 + 1e-6) is fits


def test_who_is_not_behind_the_full_line_keeps_its_trades() -> None:
    feeder = replace(FEEDER, lines=(FEEDER.lines[0], line("b", "c", rating_a=20), FEEDER.lines[2]))
    energy = left(judged(feeder))
    assert energy[0] == 8000
    assert 0 < energy[1] < 16_000


def test_where_a_line_brings_energy_those_who_draw_are_cut() -> None:
    feeder = replace(FEEDER, lines=(*FEEDER.lines[:2], line("a", "d", rating_a=20)))
    energy = left(judged(feeder))
    assert sum(energy) < 0.6 * 24_000
    assert energy[0] / 8000 == pytest.approx(energy[1] / 16_000, abs=1e-3)


def test_a_voltage_that_is_too_high_cuts_the_exporters_of_its_branch() -> None:
    feeder = replace(FEEDER, voltage_high_share=1.003)
    verdict = judged(feeder)
    assert verdict.verdict is Verdict.CURTAILED
    assert verdict.reason.startswith("c at 100.7 % of the nominal voltage")
    assert all(0 < energy < traded for energy, (_, _, traded) in zip(left(verdict), BETWEEN, strict=True))


def test_a_voltage_that_is_too_low_cuts_who_draws_behind_the_same_cable() -> None:
    verdict = judged(replace(FEEDER, voltage_low_share=0.995), ((10_000, -2000, -25_000)), ((0, 2, 9000), (0, 1, 1000)))
    assert "d at 9" in verdict.reason
    assert left(verdict, ((0, 2, 9000), (0, 1, 1000)))[1] == 1000


def test_what_was_delivered_is_reported_and_not_cut() -> None:
    feeder = replace(FEEDER, lines=(line("a", "b", rating_a=30), *FEEDER.lines[1:]))
    verdict = judged(feeder, is_delivered=True)
    assert (verdict.verdict, verdict.curtailed_wh) == (Verdict.INFEASIBLE, ())
    assert verdict.reason.startswith("a-b at 14")


def test_what_no_cut_helps_is_infeasible() -> None:
    # The voltage ahead of the transformer is out of its band: nobody pushes it there.
    verdict = judged(replace(FEEDER, source_share=1.2), (0, 0, 0), ())
    assert verdict.verdict is Verdict.INFEASIBLE
    assert "120.0 % of the nominal voltage" in verdict.reason


def test_what_has_no_power_flow_is_cut_to_one_or_said_to_have_none() -> None:
    plans = (1_500_000, 0, -1_500_000)
    delivered = judged(plans=plans, trades=((0, 2, 1_000_000),), is_delivered=True)
    assert delivered == GridVerdict(
        Verdict.INFEASIBLE, reason="no power flow: more is asked of the feeder than it can bring"
    )
    verdict = judged(plans=plans, trades=((0, 2, 1_000_000),))
    assert verdict.verdict is Verdict.CURTAILED
    assert left(verdict, ((0, 2, 1_000_000),))[0] < 200_000


def test_the_pool_sells_no_more_than_it_buys() -> None:
    to_pool = ((0, POOL, 8000), (1, POOL, 16_000), (POOL, 2, 24_000))
    energy = left(
        judged(replace(FEEDER, lines=(line("a", "b", rating_a=30), *FEEDER.lines[1:])), trades=to_pool), to_pool
    )
    assert energy[0] + energy[1] == energy[2] < 24_000


def test_a_part_of_the_ratings_and_reactive_power_fill_a_line_sooner() -> None:
    assert judged().verdict is Verdict.FEASIBLE
    assert judged(rating_share=0.1).verdict is Verdict.CURTAILED
    assert judged(power_factor=0.8).losses_wh > judged(power_factor=1.0).losses_wh


def test_a_slot_of_quarter_hours_is_four_times_the_power() -> None:
    grid, net = GRIDS.make("radial"), np.array(PLANS) // 4
    empty = OrderBook.empty()
    nothing = with_filled(empty, Trades.empty(), np.zeros(0, np.int64))
    quarter = grid.check(net, empty, nothing, context(slot_s=900))
    hour = grid.check(4 * net, empty, nothing, context())
    assert quarter.extremes == hour.extremes
    assert abs(4 * quarter.losses_wh - hour.losses_wh) <= 2


def test_without_a_feeder_nothing_is_checked() -> None:
    assert judged(None) == GridVerdict(Verdict.UNCHECKED, reason="no feeder", extremes=Extremes())


def test_many_slots_flow_as_each_is_judged() -> None:
    model = flowing(GRIDS.make("radial", power_factor=0.9, rating_share=0.7))
    assert model is not None
    slots = np.array([PLANS, (-9000, 0, 4000), (0, 0, -900_000)], np.int64).T
    together = model.flow(slots, context(is_delivered=True))
    for column, plans in enumerate(slots.T.tolist()):
        said = judged(plans=tuple(plans), trades=(), is_delivered=True, power_factor=0.9, rating_share=0.7)
        extremes = said.extremes
        if not together.is_solved[column]:
            assert extremes == Extremes()
            continue
        full = int(np.argmax(together.loading_share[:, column]))
        assert FEEDER.tree.names[full] == extremes.fullest
        assert round(together.loading_share[full, column] * 10**6) == extremes.loading_ppm
        assert int(together.losses_wh(3600)[column]) == said.losses_wh
    assert together.is_solved.tolist() == [True, True, False]


def test_where_nothing_flows_no_line_is_fullest_but_the_transformer_at_nothing() -> None:
    extremes = judged(plans=(0, 0, 0), trades=(), is_delivered=True).extremes
    assert (extremes.fullest, extremes.loading_ppm) == ("transformer", 0)


def test_a_line_that_carries_next_to_nothing_is_as_full_as_a_table_holds() -> None:
    thin = wires(line("a", "b", rating_a=1e-9), line("b", "c"), line("a", "d"))
    extremes = judged(thin, is_delivered=True).extremes
    assert (extremes.fullest, extremes.loading_ppm) == ("a-b", 2**40)
