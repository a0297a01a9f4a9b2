"""Feeders of other tools: what is taken over, what is said, what is found; nothing but findings of whatever a file holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.fakes.pandapower_nets import Change, dropping, net_text, setting

from commonwatt.adapters.feeder_file import FeederFile, read_feeder, read_feeder_file


def read(tmp_path: Path, text: str) -> tuple[FeederFile | None, list[str]]:
    path = tmp_path / "net.json"
    path.write_text(text, encoding="utf-8")
    file, found = read_feeder_file(path)
    return file, [str(finding) for finding in found]


def made(tmp_path: Path, *changes: Change) -> FeederFile:
    file, found = read(tmp_path, net_text(*changes))
    assert file is not None, found
    return file


def said(tmp_path: Path, *changes: Change) -> list[str]:
    file, found = read(tmp_path, net_text(*changes))
    assert file is None
    return found


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    file = made(tmp_path)
    assert file.notes == (
        "Left out: 1 line that a switch opens.",
        "Left out: 1 bus without a line and without a load.",
        "Not taken over: 4 load; members take their place.",
    )
    assert file.loads == ("house 1", "house 2", "house 3", "house 4")


def test_a_converted_feeder_is_written_and_read_again(tmp_path: Path) -> None:
    file = made(tmp_path)
    path = tmp_path / "lane.toml"
    path.write_text(file.text, encoding="utf-8")
    again, found = read_feeder_file(path)
    assert found == []
    assert again is not None
    assert again.feeder == file.feeder


def test_places_are_metres_from_the_middle_whether_drawn_on_a_plan_or_on_the_globe(tmp_path: Path) -> None:
    plan = {bus.id: (bus.x_m, bus.y_m) for bus in made(tmp_path).feeder.buses}
    assert plan["house 4"][0] - plan["house 1"][0] == pytest.approx(90)

    def on_the_globe(tables: dict[str, Any]) -> None:
        for row in tables["bus"]:
            spot = [11.0 + row["index"] / 1000, 53.0]
            row["geo"] = json.dumps({"type": "Point", "coordinates": spot})

    globe = {bus.id: bus.x_m for bus in made(tmp_path, on_the_globe).feeder.buses}
    # A thousandth of a degree of longitude at 53 degrees north.
    assert globe["house 2"] - globe["house 1"] == pytest.approx(66.9, abs=0.2)


def test_two_transformers_alike_count_as_one_and_two_that_differ_are_found(tmp_path: Path) -> None:
    def twice(tables: dict[str, Any]) -> None:
        tables["trafo"].append({**tables["trafo"][0], "index": 7})

    one, two = made(tmp_path).feeder.transformer, made(tmp_path, twice).feeder.transformer
    assert (two.rating_va, two.load_loss_w) == (2 * one.rating_va, 2 * one.load_loss_w)
    assert two.short_circuit_share == one.short_circuit_share
    found = said(tmp_path, twice, setting("trafo", 7, vk_percent=4.0))
    assert len(found) == 1
    assert found[0].endswith("found 2 that differ")


def test_names_that_are_none_or_anothers_become_the_index(tmp_path: Path) -> None:
    file = made(
        tmp_path, setting("bus", 3, name="house 2"), setting("bus", 5, name=None), setting("line", 0, name="L2")
    )
    assert [bus.id for bus in file.feeder.buses] == ["station", "bus 3", "bus 4", "bus 5", "house 4"]
    assert [line.id for line in file.feeder.lines] == ["L2", "L2 (2)", "L3", "L4"]


def test_most_buses_limits_of_voltage_are_everybodys(tmp_path: Path) -> None:
    file = made(tmp_path, setting("bus", 3, max_vm_pu=1.01))
    assert file.feeder.voltage_high_share == 1.1
    assert "Limits of voltage (max_vm_pu): 1.1 for all, other than at 1 bus." in file.notes


def test_a_lines_capacitance_and_the_magnetising_current_are_said_to_be_left_out(tmp_path: Path) -> None:
    file = made(tmp_path, setting("line", 3, c_nf_per_km=800.0), setting("trafo", 0, i0_percent=0.3))
    assert any("magnetising current is left out" in note for note in file.notes)
    # 2 pi 50 Hz x 800 nF/km x 0.12 km x (400 V)^2 = 4.83 var
    assert "Left out: what the lines give as capacitors, 0.00483 kvar at nominal voltage." in file.notes


ONE = "one transformer of two windings from the source to the feeder (or several alike)"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            [setting("trafo3w", 0, name="big one", in_service=True)],
            "net.json trafo3w: expected none in service: no feeder here has such a thing, found 1, the first is 'big one'",
        ),
        (
            [setting("dcline", 0, in_service=True), setting("dcline", 1, in_service=True)],
            "net.json dcline: expected none in service: no feeder here has such a thing, found 2",
        ),
        (
            [setting("ext_grid", 1, bus=3, vm_pu=1.0)],
            "net.json ext_grid: expected one source (ext_grid) in service, found 2",
        ),
        ([dropping("ext_grid", 0)], "net.json ext_grid: expected one source (ext_grid) in service, found 0"),
        ([setting("trafo", 0, in_service=False)], f"net.json trafo: expected {ONE}, found 0 in service"),
        (
            [setting("switch", 9, bus=1, element=0, et="t", closed=False)],
            f"net.json trafo: expected {ONE}, found 0 in service",
        ),
        (
            [setting("bus", 4, vn_kv=0.69)],
            "net.json bus 4 vn_kv: expected 0.4, as behind the transformer: one level of voltage, found 0.69",
        ),
        ([setting("line", 1, length_km=-0.1)], "net.json line L2 length_m: expected more than 0, found -100"),
        ([setting("line", 1, length_km="long")], "net.json line 1 length_km: expected a number, found 'long'"),
        ([setting("line", 1, max_i_ka=None)], "net.json line 1 max_i_ka: expected a number, found none"),
        (
            [setting("line", 1, max_i_ka=0)],
            "net.json line L2 rating_a: expected more than 0: a line of no capacity is none, found 0",
        ),
        ([setting("line", 1, r_ohm_per_km=float("nan"))], "net.json line 1 r_ohm_per_km: expected a number, found nan"),
        ([setting("line", 1, x_ohm_per_km=10**400)], "net.json line 1 x_ohm_per_km: expected a number, found 10000"),
        ([setting("line", 1, to_bus=99)], "net.json line 1 to_bus: expected the index of a bus, found 99"),
        (
            [setting("switch", 1, closed=True)],
            "net.json line ring: expected a radial feeder: one way to every bus, found a loop over house 3",
        ),
        (
            [setting("line", 0, in_service=False)],
            "net.json bus house 1: expected a way to station, found none from house 1, house 2, house 4",
        ),
        (
            [setting("trafo", 0, tap_step_degree=3.0)],
            "net.json trafo 0 tap_step_degree: expected 0: taps that turn no phase, found another angle",
        ),
        ([setting("trafo", 0, vk_percent=0)], "net.json transformer short_circuit_share: expected between 0 and 1"),
        ([setting("trafo", 0, vn_lv_kv=0)], "net.json trafo 0 vn_lv_kv: expected a voltage of more than 0, found 0"),
    ],
)
def test_what_no_feeder_can_represent_is_found_and_named(tmp_path: Path, changes: list[Change], expected: str) -> None:
    assert said(tmp_path, *changes)[0].startswith(expected)


def test_every_fault_of_a_network_is_found_at_once(tmp_path: Path) -> None:
    found = said(tmp_path, setting("line", 1, max_i_ka=None), setting("line", 2, length_km="x"), setting("shunt", 0))
    assert [finding.split(":")[0] for finding in found] == [
        "net.json line 2 length_km",
        "net.json shunt",
        "net.json line 1 max_i_ka",
    ]


def test_every_cell_that_is_looked_at_is_of_its_kind(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        setting("bus", 0, name=["a"], in_service="no"),
        setting("line", 1, from_bus={"a": 1}, length_km=True),
        setting("switch", 0, closed=2, element=[0], et={}),
        setting("trafo", 0, tap_side=["hv"]),
        setting("load", 0, bus=0.5),
    )
    assert sorted(found) == [
        "net.json bus 0 in_service: expected true or false, found 'no'",
        "net.json bus 0 name: expected text, found a list",
        "net.json line 1 from_bus: expected the index of a bus, found a table",
        "net.json line 1 length_km: expected a number, found True",
        "net.json load 0 bus: expected the index of a bus, found 0.5",
        "net.json switch 0 closed: expected true or false, found 2",
        "net.json switch 0 element: expected an index, found a list",
        "net.json switch 0 et: expected text, found a table",
        "net.json trafo 0 tap_side: expected text, found a list",
    ]


def test_a_column_with_gaps_means_what_it_meant_without_them(tmp_path: Path) -> None:
    before = made(tmp_path)
    after = made(
        tmp_path,
        setting("switch", 1, element=4.0, closed=0.0),
        setting("line", 0, from_bus=2.0, in_service=1),
        setting("load", 1, bus=4.0),
    )
    assert (after.feeder, after.loads, after.notes) == (before.feeder, before.loads, before.notes)


def test_a_network_of_the_second_generation_has_places_and_taps_elsewhere(tmp_path: Path) -> None:
    def older(tables: dict[str, Any]) -> None:
        tables["bus_geodata"] = [{"index": row["index"], "x": 10.0 * row["index"], "y": 1.0} for row in tables["bus"]]
        for row in tables["bus"]:
            row.pop("geo")
        tables["trafo"][0].pop("tap_changer_type")
        tables["trafo"][0]["tap_phase_shifter"] = False

    old = made(tmp_path, older).feeder
    assert old.source_share == pytest.approx(1.02 / 1.025)
    assert old.buses[-1].x_m - old.buses[-2].x_m == 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "net.json: expected the JSON of a pandapower network (pandapower.to_json), found Expecting value"),
        (
            "[" * 100_000,
            "net.json: expected the JSON of a pandapower network (pandapower.to_json), found too deep a nesting",
        ),
        (
            '{"a": ' * 100_000,
            "net.json: expected the JSON of a pandapower network (pandapower.to_json), found too deep a nesting",
        ),
        (
            "9" * 10_000,
            "net.json: expected the JSON of a pandapower network (pandapower.to_json), found Exceeds the limit",
        ),
        ("{}", "net.json: expected the JSON of a pandapower network (pandapower.to_json), found nothing"),
        (
            '{"_class": "pandapowerNet", "_object": {}}',
            "net.json ext_grid: expected one source (ext_grid) in service, found 0",
        ),
        (
            json.dumps(
                {"_class": "pandapowerNet", "_object": {"bus": {"_class": "DataFrame", "_object": "[" * 100_000}}}
            ),
            "net.json bus: expected a table: columns, index and data, found too deep a nesting",
        ),
        (
            json.dumps(
                {
                    "_class": "pandapowerNet",
                    "_object": {
                        "bus": {
                            "_class": "DataFrame",
                            "_object": {"columns": ["a"], "index": [0, 0], "data": [[1], [2]]},
                        }
                    },
                }
            ),
            "net.json bus: expected a table: columns, index and data, found an index twice",
        ),
    ],
)
def test_what_is_no_network_is_said_to_be_none(tmp_path: Path, text: str, expected: str) -> None:
    file, found = read(tmp_path, text)
    assert file is None
    assert found[0].startswith(expected)


def simbench_of(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The two packages as far as they are asked: a list of codes, a network by its code, and the network as JSON."""
    simbench, pandapower = ModuleType("simbench"), ModuleType("pandapower")
    codes = SimpleNamespace(
        collect_all_simbench_codes=lambda: ["1-LV-rural1--0-sw", "1-LV-rural3--0-sw", "1-MV-rural--0-sw"],
        get_simbench_net=lambda code: {"profiles": 1, "code": code},
    )
    vars(simbench).update(vars(codes))
    vars(pandapower).update(to_json=lambda net: text if net == {"code": "1-LV-rural3--0-sw"} else "")
    monkeypatch.setitem(sys.modules, "simbench", simbench)
    monkeypatch.setitem(sys.modules, "pandapower", pandapower)


def test_a_simbench_code_is_a_feeder(monkeypatch: pytest.MonkeyPatch) -> None:
    simbench_of(monkeypatch, net_text())
    file, found = read_feeder("1-LV-rural3--0-sw", Path(), "[grid] feeder")
    assert found == []
    assert file is not None
    assert file.feeder.name == "1-LV-rural3--0-sw"
    assert file.notes[0] == "Data: SimBench (simbench.de), Open Database License 1.0."
    assert file.loads[0] == "house 1"


def test_a_code_that_is_none_is_told_the_nearest_of_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    simbench_of(monkeypatch, net_text())
    _, found = read_feeder("1-LV-rural4--0-sw", Path(), "[grid] feeder")
    expected = "a SimBench code: one of 1-LV-rural1--0-sw, 1-LV-rural3--0-sw (did you mean 1-LV-rural3--0-sw?)"
    assert [str(finding) for finding in found] == [f"[grid] feeder: expected {expected}, found '1-LV-rural4--0-sw'"]


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simbench", None)
    monkeypatch.setitem(sys.modules, "pandapower", ModuleType("pandapower"))
    _, found = read_feeder("1-LV-rural3--0-sw", Path(), "[grid] feeder")
    expected = "[grid] feeder 1-LV-rural3--0-sw: expected the package simbench: pip install 'commonwatt[simbench]', found no package simbench"
    assert [str(finding) for finding in found] == [expected]
