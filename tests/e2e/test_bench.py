"""The benchmarks as a user starts them; no figure of time is asserted."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.small_runs import commonwatt, read_json

from commonwatt.benchmarks.rows import COLUMNS


def test_bench_writes_rows_and_says_whether_limits_are_met(tmp_path: Path) -> None:
    said = commonwatt("bench", "cli", "--runs", "1", "--json", tmp_path / "cli.json")
    assert said.code == 0, said.both
    assert "met" in said.out
    content = read_json(tmp_path / "cli.json")
    (row,) = content["rows"]
    assert tuple(row) == COLUMNS
    assert (row["suite"], row["job"], row["unit"], row["limit"]) == ("cli", "help", "s", 0.3)
    assert row["reference"] == "python -c pass"
    assert row["met"] is (row["value"] <= 0.3)
    assert content["machine"]["cores"] >= 1
    assert content["versions"]["commonwatt"]


def test_a_small_street_trades_a_day_under_the_clock(tmp_path: Path) -> None:
    said = commonwatt("bench", "day", "clearing", "--runs", "1", "--scale", "0.01", "--json", tmp_path / "b.json")
    assert said.code == 0, said.both
    content = read_json(tmp_path / "b.json")
    jobs = {row["job"]: row for row in content["rows"]}
    assert jobs["community-day-of-4-homes"]["size"] == 4 * 96
    assert jobs["uniform-1e4"]["limit"] is None
    assert str(tmp_path) not in (tmp_path / "b.json").read_text(encoding="utf-8")


def test_a_missed_limit_is_an_error_only_when_strict(tmp_path: Path) -> None:
    site = tmp_path / "sitecustomize.py"
    site.write_text("import sys, time\nif sys.argv[-1] == '--help' or '--help' in sys.orig_argv: time.sleep(0.4)\n")
    env = {"PYTHONPATH": f"{tmp_path}:{_pythonpath()}"}
    assert commonwatt("bench", "cli", "--runs", "1", env=env).code == 0
    said = commonwatt("bench", "cli", "--runs", "1", "--strict", env=env)
    assert said.code == 1
    assert "Limit not met: help." in said.out


def test_an_unknown_suite_is_bad_input() -> None:
    said = commonwatt("bench", "clearings")
    assert said.code == 2
    assert "did you mean clearing?" in said.err


def _pythonpath() -> str:
    import commonwatt as package

    return str(Path(package.__file__).parents[1])
