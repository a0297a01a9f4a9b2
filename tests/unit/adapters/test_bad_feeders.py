"""Files that are no feeders, or feeders that cannot be: findings, all of them, within a moment; no file of any kind makes the reader fall over or wait."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile, read_feeder_file
from commonwatt.grid import feeder_findings, power_flow

GOOD = FeederFile(wires(line("a", "b"), line("b", "c"))).text


def said(path: Path) -> list[str]:
    file, found = read_feeder_file(path)
    assert file is None
    assert found
    return [str(finding) for finding in found]


def written(tmp_path: Path, text: str, name: str = "wires.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_folder_a_pipe_a_loop_of_links_and_bytes_are_no_feeder(tmp_path: Path, ending: str) -> None:
    folder, pipe, loop = (tmp_path / f"{name}.{ending}" for name in ("folder", "pipe", "loop"))
    folder.mkdir()
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    assert said(folder) == [f"folder.{ending}: expected a file that can be read, found is a directory"]
    assert said(pipe) == [f"pipe.{ending}: expected a file, found something else"]
    assert said(loop) == [f"loop.{ending}: expected a file that can be read, found too many levels of symbolic links"]
    zeros = tmp_path / f"zeros.{ending}"
    zeros.symlink_to("/dev/zero")
    assert said(zeros) == [f"zeros.{ending}: expected a file, found something else"]
    latin = tmp_path / f"latin.{ending}"
    latin.write_bytes(b"a = 1\nb = '\xfc'\n")
    assert said(latin) == [f"latin.{ending}:2: expected text in UTF-8, found the byte 0xfc"]


def test_a_file_larger_than_any_feeder_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vast.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert said(path) == ["vast.json: expected 64 MiB at most, found 1,048,576 MiB"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("length_m = 100.0", "length_m = nan", "line a-b length_m: expected more than 0, found nan"),
        ("length_m = 100.0", "length_m = inf", "line a-b length_m: expected more than 0, found inf"),
        ("length_m = 100.0", "length_m = -5", "line a-b length_m: expected more than 0, found -5"),
        ("length_m = 100.0", "length_m = 1e300", "line a-b length_m: expected 1,000,000 at most, found 1e+300"),
        ("length_m = 100.0", f"length_m = 1{'0' * 400}", "line a-b length_m: expected a number, found 1000"),
        ("length_m = 100.0", "length_m = true", "line a-b length_m: expected a number, found True"),
        ("r_ohm_per_km = 0.3", "r_ohm_per_km = 1e9", "line a-b r_ohm_per_km: expected 10,000 at most, found 1e+09"),
        ("rating_a = 200.0", "rating_a = 1e12", "line a-b rating_a: expected 1,000,000 at most, found 1e+12"),
        ("base_v = 400.0", "base_v = 1e9", "base_v: expected 1,000,000 at most, found 1e+09"),
        ("base_v = 400.0", "base_v = 0", "base_v: expected more than 0, found 0"),
        (
            "rating_va = 100000.0",
            "rating_va = 1e30",
            "transformer rating_va: expected 10,000,000,000 at most, found 1e+30",
        ),
        ('id = "c"', 'id = "b"', "bus b: expected an id of its own, found the id twice"),
        ('id = "c"', 'id = ""', "bus  id: expected printable text, found ''"),
        ("x_m = 0.0", "x_m = nan", "bus a x_m: expected a number, found nan"),
        ("length_m = 100.0", "lenght_m = 100.0", "line a-b lenght_m: expected a known key"),
    ],
)
def test_a_figure_that_cannot_be_is_found(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in GOOD
    found = said(written(tmp_path, GOOD.replace(before, after, 1)))
    line = GOOD[: GOOD.index(before)].count("\n") + 1
    # What is said of a whole row stands where the row begins.
    places = tuple(f"wires.toml:{at} {expected}" for at in (line, line - 1))
    assert any(finding.startswith(places) for finding in found), found


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * 50_000}",
        "a." * 3_000 + "b = 1",
        f"a = {'9' * 10_000}",
        "[[bus]]\nid." + "a." * 3_000 + "b = 1",
        "\0",
        "﻿",
        "\n" * 9,
    ],
)
def test_text_that_would_stop_a_reader_is_found(tmp_path: Path, text: str) -> None:
    assert said(written(tmp_path, text))[0].startswith("wires.toml")


def test_a_hundred_thousand_buses_are_too_many_and_said_at_once(tmp_path: Path) -> None:
    many = "\n".join(f'[[bus]]\nid = "b{number}"' for number in range(100_000))
    found = said(written(tmp_path, many))
    assert found[0] == "wires.toml bus: expected [[bus]] tables, 10000 at most, found 100000 of them"


def test_a_chain_of_ten_thousand_buses_is_no_recursion_and_no_wait() -> None:
    ends = [f"b{number}" for number in range(5_000)]
    # From the far end, which makes the longest ways to walk.
    chain = wires(*(line(begin, end, 1, 0.1) for begin, end in zip(ends[::-1], ends[-2::-1], strict=False)), root="b0")
    assert feeder_findings(chain) == []
    twice = replace(chain, lines=(*chain.lines, line("b0", "b4999")))
    assert [str(finding) for finding in feeder_findings(twice)] == [
        "feeder line b0-b4999: expected a radial feeder: one way to every bus, found a loop over b0"
    ]


def test_ten_thousand_islands_are_findings_within_a_moment() -> None:
    apart = wires(*(line(f"x{number}", f"y{number}") for number in range(4_000)), root="x0")
    assert len(feeder_findings(apart)) == 3_999


@pytest.mark.parametrize("injected_w", [-1e12, -1e300, 1e300, float("nan")])
def test_what_no_feeder_can_bring_is_no_solution_and_never_nan(injected_w: float) -> None:
    feeder = wires(line("a", "b"))
    flow = power_flow(feeder, np.array([[0.0, 0.0], [injected_w, -100.0]]), np.zeros((2, 2)))
    assert flow.is_solved.tolist() == [False, True]
    for figures in (flow.voltage_share, flow.loading_share, flow.losses_w):
        assert np.isfinite(figures).all()
