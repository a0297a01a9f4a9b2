"""The three-phase power flow against what is published of the IEEE 34-bus feeder."""

import json
from pathlib import Path

import numpy as np
import pytest

from commonwatt.adapters.phase_feeder import bundled_phase_feeder
from commonwatt.grid import phase_flow

CASE = Path(__file__).parent / "ieee34"


def test_the_feeder_flows_as_its_authors_publish() -> None:
    expected = json.loads((CASE / "expected.json").read_text(encoding="utf-8"))
    flow = phase_flow(bundled_phase_feeder("ieee34"))
    assert flow.is_solved
    assert flow.source_va.real == pytest.approx(expected["source_w"], rel=1e-4)
    assert flow.source_va.imag == pytest.approx(expected["source_var"], abs=500)
    assert flow.losses_va.real == pytest.approx(expected["losses_w"], rel=5e-4)
    for bus, voltages in expected["voltage_share"].items():
        np.testing.assert_allclose(flow.at(bus), voltages, atol=3e-4)
