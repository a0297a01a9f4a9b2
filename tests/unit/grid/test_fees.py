"""Fees by location: what each line of a feeder charges, and what makes no sense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.wires import line, street, trees, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.core.members import Fleet
from commonwatt.core.units import ENERGY_LIMIT_WH
from commonwatt.grid import GRIDS, Bus, Feeder, GridContext, dearest_way_micro_per_kwh, feeder_findings, wires_of
from commonwatt.grid._fees import FEES, FeeTerms, fee_findings, fee_zones, fees_to_transformer, line_fees

# a - b - c and a - d; the line to b is written from b to a.
FORK = wires(line("b", "a", 100, 0.5), line("b", "c", 50, 0.2), line("a", "d", 200, 0.1))


def fees_of(feeder: Feeder, terms: FeeTerms) -> dict[str, int]:
    return dict(zip(feeder.places, line_fees(feeder, terms).tolist(), strict=True))


@pytest.mark.parametrize(
    ("terms", "fees"),
    [
        (FeeTerms(), {"a": 0, "b": 0, "c": 0, "d": 0}),
        (FeeTerms("line", 7), {"a": 0, "b": 7, "c": 7, "d": 7}),
        (FeeTerms("length", fee_micro_per_kwh_km=30_010), {"a": 0, "b": 3001, "c": 1501, "d": 6002}),
        (FeeTerms("resistance", fee_micro_per_kwh_ohm=1_000_000), {"a": 0, "b": 50_000, "c": 10_000, "d": 20_000}),
        (FeeTerms("zone", 9), {"a": 0, "b": 9, "c": 0, "d": 9}),
    ],
)
def test_a_line_charges_what_crosses_it(terms: FeeTerms, fees: dict[str, int]) -> None:
    assert fees_of(FORK, terms) == fees


def test_a_way_charges_the_sum_of_its_lines() -> None:
    fees = line_fees(FORK, FeeTerms("length", fee_micro_per_kwh_km=30_010))
    assert fees_to_transformer(FORK, fees).tolist() == [3001, 0, 4502, 6002]  # b, a, c, d
    model = GRIDS.make("radial", fee="length", fee_micro_per_kwh_km=30_010)
    assert dearest_way_micro_per_kwh(model, FORK) == 6002
    assert dearest_way_micro_per_kwh(GRIDS.make("unlimited"), FORK) == 0
    assert dearest_way_micro_per_kwh(model, None) == 0


@given(feeder=trees(), fee=st.sampled_from(FEES), price=st.integers(1, 10**6))
def test_what_a_way_costs_is_the_same_in_both_directions_and_however_lines_are_written(
    feeder: Feeder, fee: str, price: int
) -> None:
    terms = FeeTerms(fee, price, price, price)
    turned = replace(feeder, lines=tuple(replace(each, begin=each.end, end=each.begin) for each in feeder.lines))
    fees = line_fees(feeder, terms)
    assert np.array_equal(fees, line_fees(turned, terms))
    assert (fees >= 0).all()
    assert fees[feeder.places[feeder.root]] == 0


def test_zones_are_those_of_the_file_or_each_line_out_of_the_transformer_s_bus() -> None:
    assert dict(zip(FORK.places, fee_zones(FORK), strict=True)) == {
        "a": "transformer",
        "b": "b-a",
        "c": "b-a",
        "d": "a-d",
    }
    assert len(set(fee_zones(street()))) == 3
    near = replace(FORK, buses=tuple(Bus(bus.id, zone="far" if bus.id == "c" else "near") for bus in FORK.buses))
    assert fees_of(near, FeeTerms("zone", 9)) == {"a": 0, "b": 0, "c": 9, "d": 0}
    assert 'zone = "far"' in FeederFile(near).text
    assert "zone" not in FeederFile(FORK).text


def test_a_zone_is_of_all_buses_or_of_none() -> None:
    half = replace(FORK, buses=(*FORK.buses[:3], Bus("d", zone="east")))
    assert [str(fault) for fault in feeder_findings(half)] == [
        f"feeder bus {name} zone: expected a zone, as other buses have one, found none" for name in ("b", "a", "c")
    ]


@pytest.mark.parametrize(
    ("terms", "where", "expected"),
    [
        (FeeTerms("line"), ["fee_micro_per_kwh"], "more than 0, what fee = line charges"),
        (FeeTerms(fee_micro_per_kwh=5), ["fee_micro_per_kwh"], "0: with fee = none it charges nothing"),
        (
            FeeTerms("length", fee_micro_per_kwh_ohm=5),
            ["fee_micro_per_kwh_ohm", "fee_micro_per_kwh_km"],
            "0: with fee = length it charges nothing",
        ),
        (FeeTerms("length", fee_micro_per_kwh_km=2), ["fee_micro_per_kwh_km"], "at least half a micro"),
        (
            FeeTerms("line", 2**31 - 1),
            ["fee_micro_per_kwh"],
            "fees of less than 2147483648 micro/kWh on the longest way",
        ),
    ],
)
def test_fees_that_make_no_sense_are_findings(terms: FeeTerms, where: list[str], expected: str) -> None:
    found = fee_findings(FORK, terms)
    assert [fault.where for fault in found] == where
    assert expected in found[0].expected


def test_a_fee_between_zones_asks_for_two() -> None:
    alone = replace(FORK, buses=tuple(Bus(bus.id, zone="all") for bus in FORK.buses))
    assert [fault.where for fault in fee_findings(alone, FeeTerms("zone", 9))] == ["fee"]
    assert not fee_findings(FORK, FeeTerms("zone", 9))


def test_the_market_s_lines_have_their_fees_whether_their_limits_count_there_or_not() -> None:
    context = GridContext(0, 3600, Fleet.empty(), feeder=FORK)
    for limits in ("market", "verdict"):
        charged = GRIDS.make("radial", limits=limits, fee="line", fee_micro_per_kwh=7)
        carried = wires_of(charged, context)
        assert carried is not None
        # b, a, c, d and the place ahead of the transformer, whose line is a's.
        assert carried.toward.tolist() == [1, 4, 0, 1, -1]
        assert carried.fee_micro_per_kwh.tolist() == [7, 0, 7, 7, 0]
        free = wires_of(GRIDS.make("radial", limits=limits), context)
        if limits == "market":
            assert free is not None
            assert np.array_equal(carried.limit_wh, free.limit_wh)
        else:
            assert free is None
            assert (carried.limit_wh == ENERGY_LIMIT_WH - 1).all()
