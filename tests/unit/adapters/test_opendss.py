"""Our three-phase power flow against OpenDSS, and the page that shows both."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scripts.ieee34 import PAGE, feeder_texts, pages
from tests.fakes.phases import crooked

from commonwatt.adapters.opendss import commands, opendss_flow
from commonwatt.adapters.phase_feeder import bundled_phase_feeder, bundled_phase_feeders
from commonwatt.core.errors import MissingExtra
from commonwatt.grid import PhaseFeeder, Taps, phase_flow, published_taps, relay_v

NEUTRAL = {"814r": (0, 0, 0), "852r": (0, 0, 0)}
MIXED = {"814r": (16, -3, 5), "852r": (8, 0, -2)}


def agree(feeder: PhaseFeeder, taps: Taps) -> None:
    ours, (theirs, told) = phase_flow(feeder, taps), opendss_flow(feeder, taps)
    assert ours.is_solved
    assert theirs.is_solved
    assert told == taps
    assert set(ours.nodes) == set(theirs.nodes)
    for node in ours.nodes:
        np.testing.assert_allclose(ours.at(node), theirs.at(node), atol=2e-6, err_msg=node)
        angle, told_angle = (np.angle(flow.voltage[flow.nodes.index(node)]) for flow in (ours, theirs))
        np.testing.assert_allclose(angle, told_angle, atol=2e-5, err_msg=node)
    assert ours.source_va == pytest.approx(theirs.source_va, abs=5)
    assert ours.losses_va == pytest.approx(theirs.losses_va, abs=5)


@pytest.mark.parametrize("taps", [published_taps(bundled_phase_feeder("ieee34")), NEUTRAL, MIXED])
def test_ieee34_flows_as_in_opendss_at_any_taps(taps: Taps) -> None:
    agree(bundled_phase_feeder("ieee34"), taps)


def test_every_kind_of_load_flows_as_in_opendss() -> None:
    for connection in ("wye", "delta"):
        for model in ("PQ", "I", "Z"):
            agree(crooked(connection, model), {"c": (4, -2, 0)})


def test_opendss_controls_rest_where_ours_would_leave_them() -> None:
    feeder = bundled_phase_feeder("ieee34")
    flow, taps = opendss_flow(feeder)
    for each in feeder.regulators:
        seen = relay_v(feeder, phase_flow(feeder, taps), each)
        assert (np.abs(seen - each.hold_v) <= each.band_v / 2 + 1e-3).all()
    assert flow.source_va == pytest.approx(phase_flow(feeder, taps).source_va, abs=5)


def test_without_opendss_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendssdirect", None)
    with pytest.raises(MissingExtra, match=r"commonwatt\[opendss\]"):
        opendss_flow(bundled_phase_feeder("ieee34"))


def test_the_commands_say_what_the_feeder_is() -> None:
    feeder = replace(bundled_phase_feeder("ieee34"), loads=())
    written = list(commands(feeder, published_taps(feeder)))
    assert sum(command.startswith("new line.") for command in written) == len(feeder.lines)
    assert not any("regcontrol" in command for command in written)
    assert sum("regcontrol" in command for command in commands(feeder)) == 6


def test_the_page_and_the_bundled_feeders_are_what_the_script_writes() -> None:
    assert bundled_phase_feeders() == ["ieee34"]
    for path, text in {**feeder_texts(), **pages()}.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m scripts.ieee34"
    assert PAGE.exists()
