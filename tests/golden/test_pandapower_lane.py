"""A converted network of pandapower flows as pandapower says (`pandapower-lane/why.md`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonwatt.adapters.feeder_file import read_feeder_file
from commonwatt.grid import power_flow

CASE = Path(__file__).parent / "pandapower-lane"
EXPECTED: dict[str, Any] = json.loads((CASE / "expected.json").read_text())


def test_a_converted_network_flows_as_its_own_tool_says() -> None:
    file, found = read_feeder_file(CASE / "net.json")
    assert file is not None, found
    feeder = file.feeder
    drawn = np.array([EXPECTED["drawn_w_var"].get(bus.id, (0, 0)) for bus in feeder.buses], float)
    flow = power_flow(feeder, -drawn[:, :1], -drawn[:, 1:])
    voltage = dict(zip(feeder.tree.bus_names, flow.voltage_share[:, 0].tolist(), strict=True))
    # The bar and the station are one bus here: a closed switch joins them.
    for bus in feeder.buses:
        assert voltage[bus.id] == pytest.approx(EXPECTED["voltage_share"][bus.id], abs=1e-6)
    assert {bus.id for bus in feeder.buses} == set(EXPECTED["voltage_share"]) - {"bar"}
    assert flow.losses_w[0] == pytest.approx(EXPECTED["losses_w"], rel=1e-4)
    loading = dict(zip(feeder.tree.names, flow.loading_share[:, 0].tolist(), strict=True))
    rating = {line.id: line.rating_a for line in feeder.lines}
    # pandapower gives the current of one of two parallel cables as both together.
    for name, current_a in EXPECTED["current_a"].items():
        assert loading[name] * rating[name] == pytest.approx(current_a, rel=1e-4)
    assert rating == {"L1": 540.0, "L2": 270.0, "L3": 216.0, "L4": 270.0}
    nominal = EXPECTED["voltage_share"]
    assert loading["transformer"] > 0.1
    assert feeder.source_share == pytest.approx(1.02 / 1.025)
    assert nominal["bar"] == nominal["station"]
