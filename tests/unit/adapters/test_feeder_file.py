"""Feeders from files: what is right is read whole, what is wrong is found, all of it at once."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.wires import line, regulated, street, wires

from commonwatt.adapters.datasets import example_folder
from commonwatt.adapters.feeder_file import FeederFile, bundled_feeders, read_feeder, read_feeder_file
from commonwatt.core.findings import Finding
from commonwatt.grid import Feeder, InnerTransformer, Load, Regulator, feeder_findings

GOOD = FeederFile(wires(line("a", "b"), line("b", "c"))).text


def read(tmp_path: Path, text: str) -> tuple[FeederFile | None, list[str]]:
    path = tmp_path / "wires.toml"
    path.write_text(text, encoding="utf-8")
    file, found = read_feeder_file(path)
    return file, [str(finding) for finding in found]


def said(feeder: Feeder) -> list[str]:
    return [str(finding) for finding in feeder_findings(feeder)]


def test_a_feeder_is_written_in_one_way_and_read_again(tmp_path: Path) -> None:
    file, found = read(tmp_path, GOOD)
    assert found == []
    assert file is not None
    assert file.text == GOOD
    assert file.feeder == wires(line("a", "b"), line("b", "c"))


def test_what_is_on_the_way_and_what_draws_beside_the_community_is_written_and_read_too(tmp_path: Path) -> None:
    feeder = replace(regulated(), loads=(Load("c", 1000, -200),))
    file, found = read(tmp_path, FeederFile(feeder).text)
    assert found == []
    assert file is not None
    assert file.feeder == feeder


def test_the_bundled_street_carries_the_example_and_says_that_it_is_made_up() -> None:
    feeder = street()
    assert bundled_feeders() == ["ieee34", "ieee34_loaded", "street"]
    assert feeder.about.startswith("Made up")
    rows = (example_folder() / "members.csv").read_text(encoding="utf-8").splitlines()
    at = rows[0].split(",").index("bus")
    assert {row.split(",")[at] for row in rows[1:]} == set(feeder.places) - {"n00"}
    assert len({(bus.x_m, bus.y_m) for bus in feeder.buses}) == len(feeder.buses)


@pytest.mark.parametrize(
    ("feeder", "expected"),
    [
        (wires(line("a", "b"), line("c", "d")), "feeder bus c: expected a way to a, found none from c, d"),
        (
            wires(line("a", "b"), line("b", "c"), line("c", "a")),
            "feeder line c-a: expected a radial feeder: one way to every bus, found a loop over c",
        ),
        (wires(line("a", "a")), "feeder line a-a: expected a radial feeder: one way to every bus, found a loop over a"),
        (wires(line("a", "b"), root="z"), "feeder root: expected the id of a bus, found 'z'"),
        (wires(line("a", "b", length_m=0)), "feeder line a-b length_m: expected more than 0, found 0"),
        (wires(line("a", "b", length_m=float("nan"))), "feeder line a-b length_m: expected more than 0, found nan"),
        (
            wires(line("a", "b", rating_a=0)),
            "feeder line a-b rating_a: expected more than 0: a line of no capacity is none, found 0",
        ),
        (
            wires(line("a", "b"), line("b", "a")),
            "feeder line b-a: expected a radial feeder: one way to every bus, found a loop over b",
        ),
        (
            wires(line("a", "b"), regulators=(Regulator("r", "b", "a", 1.1, 50),)),
            "feeder regulator r: expected a radial feeder: one way to every bus, found a loop over b",
        ),
        (
            wires(line("a", "b"), line("c", "d"), regulators=(Regulator("r", "c", "b", 1.1, 50),)),
            "feeder regulator r begin: expected the end on the side of a, found 'c'",
        ),
        (
            wires(line("a", "b"), line("c", "d"), regulators=(Regulator("r", "b", "c", 2, 50),)),
            "feeder regulator r ratio: expected between 0.8 and 1.25: what moves a voltage further is a transformer, found 2",
        ),
        (
            wires(
                line("a", "b"), line("c", "d"), inner_transformers=(InnerTransformer("t", "b", "c", 1, 0, 0.1, 0, 0),)
            ),
            "feeder inner_transformer t base_v: expected more than 0, found 0",
        ),
        (wires(line("a", "b"), loads=(Load("z", 1, 0),)), "feeder load 1 bus: expected the id of a bus, found 'z'"),
        (
            wires(line("a", "b"), loads=(Load("b", float("inf"), 0),)),
            "feeder load 1 draw_w: expected a number, found inf",
        ),
        (wires(line("a", "b"), voltage_low_share=1.2), "feeder voltage_low_share: expected between 0 and 1, found 1.2"),
    ],
)
def test_what_cannot_be_computed_with_is_found(feeder: Feeder, expected: str) -> None:
    assert said(feeder) == [expected]
    with pytest.raises(ValueError, match="expected"):
        _ = feeder.tree


def test_a_line_without_impedance_is_found(tmp_path: Path) -> None:
    text = GOOD.replace("r_ohm_per_km = 0.3", "r_ohm_per_km = 0.0").replace("x_ohm_per_km = 0.08", "x_ohm_per_km = 0.0")
    file, found = read(tmp_path, text)
    assert file is None
    assert found == [
        f"wires.toml:{at} line {name} impedance: expected r_ohm_per_km or x_ohm_per_km of more than 0, found 0"
        for at, name in ((20, "a-b"), (29, "b-c"))
    ]


def test_every_fault_is_found_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("base_v = 400.0", 'base_volt = "400"').replace("length_m = 100.0", 'length_m = "100"')
    file, found = read(tmp_path, text)
    assert file is None
    assert [finding.split(": ")[0] for finding in found] == [
        "wires.toml:24 line a-b length_m",
        "wires.toml:33 line b-c length_m",
        "wires.toml:3 base_volt",
        "wires.toml base_v",
    ]
    assert found[-1].endswith("found 'base_volt'")


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("", "wires.toml transformer: expected a table [transformer], found none"),
        ("bus = 3", "wires.toml:1 bus: expected [[bus]] tables"),
        ("not toml", "wires.toml:1: expected TOML, found Expected"),
        ("[[bus]]\nid = 3", "wires.toml:2 bus 3 id: expected printable text"),
    ],
)
def test_what_is_no_feeder_is_said_to_be_none(tmp_path: Path, text: str, begins: str) -> None:
    file, found = read(tmp_path, text)
    assert file is None
    assert found[0].startswith(begins)


def test_an_unknown_name_lists_the_bundled_feeders_and_a_file_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "lane.toml").write_text(GOOD, encoding="utf-8")
    _, found = read_feeder("lane", tmp_path, "--set grid.feeder")
    expected = "the name of a file that ends with .toml (did you mean lane.toml?) or .json, a SimBench code, or one of ieee34, ieee34_loaded, street"
    assert found == [Finding("--set grid.feeder", expected, "'lane'")]
    file, found = read_feeder("lane.toml", tmp_path, "x")
    assert file is not None
    _, found = read_feeder("lame.toml", tmp_path, "x")
    assert str(found[0]) == "lame.toml: expected a file (did you mean lane.toml?), found none"
