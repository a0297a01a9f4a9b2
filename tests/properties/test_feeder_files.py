"""Whatever a feeder's file holds, it is a feeder or findings: never a fault of the program, never a feeder that cannot be computed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fakes.pandapower_nets import NET, net_text, setting
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile, read_feeder_file
from commonwatt.grid import power_flow

GOOD = FeederFile(wires(line("a", "b"), line("b", "c"))).text
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = st.one_of(st.floats(), st.integers(-(10**30), 10**30), st.sampled_from([0, -1, 1e-300, 1e300, 10**20, 0.5]))
VALUES = st.one_of(
    NUMBERS, st.text(max_size=5), st.booleans(), st.none(), st.lists(st.integers(), max_size=2), st.just({"a": [1]})
)
TABLES = ("bus", "line", "trafo", "switch", "ext_grid", "load")
KEYS = (
    *(
        "name",
        "vn_kv",
        "geo",
        "in_service",
        "from_bus",
        "to_bus",
        "length_km",
        "r_ohm_per_km",
        "max_i_ka",
        "parallel",
        "df",
        "hv_bus",
    ),
    *(
        "lv_bus",
        "sn_mva",
        "vn_lv_kv",
        "vk_percent",
        "vkr_percent",
        "tap_pos",
        "tap_side",
        "tap_step_percent",
        "bus",
        "element",
        "et",
    ),
    *("closed", "z_ohm", "vm_pu", "c_nf_per_km", "max_vm_pu", "min_vm_pu", "vn_hv_kv", "pfe_kw", "i0_percent"),
    *("tap_neutral", "tap_step_degree", "tap_changer_type", "tap_phase_shifter", "tap_dependency_table", "tap2_pos"),
)


def held(path: Path) -> None:
    """A feeder with which power flows, and which is the same when it is written and read again, or at least one finding."""
    file, found = read_feeder_file(path)
    if file is None:
        assert found
        assert all(isinstance(str(finding), str) for finding in found)
        return
    assert found == []
    assert len(file.feeder.tree.toward) == len(file.feeder.buses) + 1
    again = path.with_name("again.toml")
    again.write_text(file.text, encoding="utf-8")
    read, _ = read_feeder_file(again)
    assert read is not None
    assert read.text == file.text
    flow = power_flow(file.feeder, np.full((len(file.feeder.buses), 1), -100.0), np.zeros((len(file.feeder.buses), 1)))
    assert np.isfinite(flow.losses_w).all()


@QUICK
@given(data=st.binary(max_size=200), ending=st.sampled_from(["toml", "json"]))
def test_any_bytes_are_a_feeder_or_findings(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"any.{ending}"
    path.write_bytes(data)
    held(path)


@QUICK
@given(at=st.integers(0, len(GOOD)), gone=st.integers(0, 40), put=st.text(max_size=6))
def test_a_feeders_file_changed_anywhere_is_a_feeder_or_findings(tmp_path: Path, at: int, gone: int, put: str) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes((GOOD[:at] + put + GOOD[at + gone :]).encode("utf-8", "surrogatepass"))
    held(path)


@QUICK
@given(key=st.sampled_from(["length_m", "r_ohm_per_km", "x_ohm_per_km", "rating_a"]), value=NUMBERS)
def test_any_number_of_a_line_is_a_feeder_or_findings(tmp_path: Path, key: str, value: Any) -> None:
    before = {"length_m": 100.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.08, "rating_a": 200.0}[key]
    path = tmp_path / "any.toml"
    path.write_text(GOOD.replace(f"{key} = {before}", tomli_w.dumps({key: value}).strip()), encoding="utf-8")
    held(path)


@QUICK
@example(cells=[("bus", 0, "name", None), ("bus", 1, "name", [])])
@example(cells=[("line", 0, "from_bus", [])])
@given(cells=st.lists(st.tuples(st.sampled_from(TABLES), st.integers(0, 7), st.sampled_from(KEYS), VALUES), max_size=4))
def test_a_network_with_any_cells_changed_is_a_feeder_or_findings(
    tmp_path: Path, cells: list[tuple[str, int, str, Any]]
) -> None:
    path = tmp_path / "any.json"
    path.write_text(
        net_text(*(setting(table, row, **{key: value}) for table, row, key, value in cells)), encoding="utf-8"
    )
    held(path)


@QUICK
@given(st.data())
def test_a_networks_file_changed_anywhere_is_a_feeder_or_findings(tmp_path: Path, data: st.DataObject) -> None:
    text = json.dumps(json.loads(NET.read_text(encoding="utf-8")))
    at, gone = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 100))
    path = tmp_path / "any.json"
    path.write_text(
        text[:at] + data.draw(st.text('{}[]\\",:0123456789eE.-null', max_size=8)) + text[at + gone :], encoding="utf-8"
    )
    held(path)


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_the_good_files_are_feeders(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"good.{ending}"
    path.write_text(GOOD if ending == "toml" else net_text(), encoding="utf-8")
    file, found = read_feeder_file(path)
    assert file is not None, found
