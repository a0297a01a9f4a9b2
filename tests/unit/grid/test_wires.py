"""What a feeder's lines carry, as a market is told: by hand for a small one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from tests.fakes.wires import line, street, wires

from commonwatt.core.members import Fleet
from commonwatt.core.records import Wires
from commonwatt.grid import GRIDS, Feeder, GridContext, HasWires, wires_of

FEEDER = wires(line("b", "c", rating_a=20), line("a", "b", rating_a=30), root="a")
"""The bus behind the transformer comes last in the file's lines, so that rows and nodes are not in the same order."""


def told(feeder: Feeder | None = FEEDER, slot_s: int = 3600, **parameters: Any) -> Wires | None:
    context = GridContext(1, slot_s, Fleet.empty(), feeder=feeder)
    return wires_of(GRIDS.make("radial", **parameters), context)


def test_each_line_carries_its_rating_at_nominal_voltage_less_what_reactive_power_takes() -> None:
    said = told()
    assert said is not None
    assert [bus.id for bus in FEEDER.buses] == ["b", "c", "a"]
    # b hangs on a, c on b, a on the far side of the transformer of 100 kVA.
    assert said.toward.tolist() == [2, 0, 3, -1]
    assert said.limit_wh.tolist() == [*(math.floor(math.sqrt(3) * 400 * a * 0.95) for a in (30, 20)), 95_000, 0]
    assert said.loss_share.tolist() == pytest.approx([*(0.03 * a * math.sqrt(3) / 400 for a in (30, 20)), 0.015, 0])
    assert not said.fee_micro_per_kwh.any()


def test_a_part_of_the_ratings_and_a_shorter_slot_carry_less() -> None:
    said = told(slot_s=900, rating_share=0.5, power_factor=1.0)
    assert said is not None
    assert said.limit_wh.tolist() == [*(math.floor(math.sqrt(3) * 400 * a / 8) for a in (30, 20)), 12_500, 0]


def test_loss_factors_are_taken_at_the_loading_that_is_asked_for() -> None:
    half, quiet = told(), told(loss_loading_share=0.1)
    assert half is not None
    assert quiet is not None
    assert quiet.loss_share.tolist() == pytest.approx((half.loss_share / 5).tolist())
    assert quiet.limit_wh.tolist() == half.limit_wh.tolist()


def test_a_market_is_told_of_no_wires_where_limits_are_not_its_business() -> None:
    assert told(limits="none") is None
    assert told(limits="verdict") is None
    assert told(None) is None
    assert wires_of(GRIDS.make("unlimited"), GridContext(1, 3600, Fleet.empty(), feeder=FEEDER)) is None


def test_every_bus_of_any_feeder_leads_to_its_transformer() -> None:
    feeder = street()
    said = told(feeder)
    assert said is not None
    assert len(said) == len(feeder.buses) + 1
    at = np.arange(len(feeder.buses))
    for _ in feeder.buses:
        at = np.where(at == len(feeder.buses), at, said.toward[at])
    assert (at == len(feeder.buses)).all()


@pytest.mark.parametrize("net_wh", [0, 2000, -2000])
def test_a_voltage_that_is_out_without_any_flow_holds_what_pushes_it_to_nothing(net_wh: int) -> None:
    feeder = replace(FEEDER, source_share=1.12)
    context = GridContext(1, 3600, Fleet.of(1), feeder=feeder, bus=np.array([1]))
    grid = cast("HasWires", GRIDS.make("radial"))
    before = grid.wires(context)
    assert before is not None
    after = grid.again(before, np.array([net_wh]), context)
    if net_wh <= 0:
        # Nothing flows, or what flows already helps: no line held tighter would do more.
        assert after is None
    else:
        assert after is not None
        assert after.limit_wh.tolist() == [0, 0, 0, 0]
