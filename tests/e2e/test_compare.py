"""`commonwatt compare`: the same days under several designs, each a whole run; stopped, resumed, extended; wrong input refused."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.fakes.small_runs import command, commonwatt, environment, files_of, promised, read_json
from tests.fakes.tiny_runs import write_morning

DESIGNS = ("--design", "p2pet", "--design", "uniform_price", "--design", "mine.toml")
SMALL = ("--set", "ledger.chain=memory")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of five members, and a design of their own; read only but for the key file."""
    folder = write_morning(tmp_path_factory.mktemp("compare") / "street")
    (folder.parent / "mine.toml").write_text('[pricing]\npolicy = "fixed"\nreference_micro_per_kwh = 120_000\n')
    return folder


@pytest.fixture(scope="module")
def compared(street: Path) -> Path:
    """Three designs, two at a time; read only."""
    out = street.parent / "compared"
    said = commonwatt("compare", street, *DESIGNS, *SMALL, "--jobs", "2", "--out", out, cwd=street.parent)
    assert said.code == 0, said.both
    assert len(said.out.splitlines()) <= 8, "three designs, and five lines"
    assert "Without a market the bills come to" in said.out
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_tables_have_the_promised_columns(compared: Path) -> None:
    heads = {name: (compared / f"{name}.csv").read_text().splitlines()[0] for name in ("metrics", "members")}
    assert heads == {"metrics": "design,metric,value,low,high", "members": "design,member,cost_nano,saving_nano"}
    assert {row["design"] for row in rows(compared / "members.csv")} == {"p2pet", "uniform_price", "mine"}


def test_how_long_each_stage_took_is_told_apart_from_the_figures(compared: Path) -> None:
    """Six hours: six half slots after delivery in `mine`, six before and six after in `p2pet`."""
    timed = {(row["design"], row["stage"]): row for row in rows(compared / "timing.csv")}
    assert {key: timed[key]["halves"] for key in (("mine", "delivery"), ("p2pet", "gate"), ("p2pet", "delivery"))} == {
        ("mine", "delivery"): "6",
        ("p2pet", "gate"): "6",
        ("p2pet", "delivery"): "6",
    }
    assert ("mine", "gate") not in timed
    for row in timed.values():
        told = [float(row[name]) for name in ("p50_s", "p95_s", "p99_s", "max_s")]
        assert told == sorted(told)
        assert row["seed"] == "1"


def test_every_design_is_a_whole_run_that_an_auditor_accepts(compared: Path) -> None:
    for design in ("p2pet", "uniform_price", "mine"):
        said = commonwatt("audit", compared / "runs" / design)
        assert said.code == 0, said.both


def test_what_members_pay_is_what_their_runs_say(compared: Path) -> None:
    by_design: dict[str, int] = {}
    for row in rows(compared / "members.csv"):
        by_design[row["design"]] = by_design.get(row["design"], 0) + int(row["cost_nano"])
    assert by_design == {name: read_json(compared / "runs" / name / "summary.json")["cost_nano"] for name in by_design}


def test_a_compared_preset_is_the_run_of_that_preset(compared: Path, street: Path) -> None:
    alone = street.parent / "alone"
    assert commonwatt("run", street, "--preset", "p2pet", *SMALL, "--out", alone).code == 0
    assert promised(alone) == promised(compared / "runs" / "p2pet")


def test_finished_runs_are_taken_and_the_same_files_come_out(compared: Path, street: Path) -> None:
    before = files_of(compared)
    said = commonwatt("compare", street, *DESIGNS, *SMALL, "--out", compared, cwd=street.parent)
    assert said.code == 0, said.both
    assert "3 of 3 runs are there already" in said.err
    assert files_of(compared) == before


def test_a_page_shows_no_traceback_of_anything_and_leads_to_the_runs(compared: Path) -> None:
    html = (compared / "report.html").read_text(encoding="utf-8")
    for design in ("p2pet", "uniform_price", "mine"):
        assert f'href="runs/{design}/report.html"' in html
        assert (compared / "runs" / design / "report.html").exists()
    assert "p2pet \u00b9" in html


def test_a_design_and_seeds_may_be_added_later(street: Path) -> None:
    out = street.parent / "grown"
    asked = ("compare", street, *SMALL, "--jobs", "1", "--out", out, "--design", "community")
    assert commonwatt(*asked, "--design", "uniform_price").code == 0
    said = commonwatt(*asked, "--design", "two_round_double_auction", "--seeds", "2")
    assert said.code == 0, said.both
    assert "1 of 4 runs are there already" in said.err
    assert "community, seed 2, finished" in said.err
    assert {row["design"] for row in rows(out / "metrics.csv")} == {"community", "two_round_double_auction"}
    assert read_json(out / "runs" / "seed-2" / "community" / "public" / "inputs.json")["seed"] == 2


@pytest.mark.parametrize(("jobs", "number"), [("2", signal.SIGINT), ("1", signal.SIGTERM)])
def test_a_stopped_comparison_goes_on_to_the_same_end(
    street: Path, compared: Path, tmp_path: Path, jobs: str, number: int
) -> None:
    out = tmp_path / "stopped"
    asked = command("compare", street, *DESIGNS, *SMALL, "--jobs", jobs, "--out", out)
    # A process group of its own, all of which is told to stop, as Ctrl-C in a terminal does.
    running = subprocess.Popen(
        asked, cwd=street.parent, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 60
    while not any(out.glob("runs/*/private/journal.sqlite")):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(running.pid, number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "leaked" not in err, "what the processes shared is given back"
    assert "The same command goes on" in err
    said = commonwatt("compare", street, *DESIGNS, *SMALL, "--jobs", jobs, "--out", out, cwd=street.parent)
    assert said.code == 0, said.both
    for name in ("metrics.csv", "members.csv", "differences.csv", "report.html"):
        assert (out / name).read_bytes() == (compared / name).read_bytes(), name
    assert promised(out / "runs" / "p2pet") == promised(compared / "runs" / "p2pet")


def test_an_altered_run_is_not_taken(street: Path, tmp_path: Path) -> None:
    out = tmp_path / "altered"
    asked = (
        "compare",
        street,
        *SMALL,
        "--jobs",
        "1",
        "--out",
        out,
        "--design",
        "community",
        "--design",
        "uniform_price",
    )
    assert commonwatt(*asked).code == 0
    manifest = out / "runs" / "community" / "public" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("a", "b"))
    said = commonwatt(*asked)
    assert said.code == 0, said.both
    assert "1 of 2 runs are there already" in said.err
    assert commonwatt("audit", out / "runs" / "community").code == 0


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("--design", "p2pet"), "--design: expected two designs or more, found 1"),
        (("--design", "p2pett", "--design", "uniform"), "did you mean p2pet?"),
        (("--design", "p2pet", "--design", "uniform_price", "--seeds", "0"), "--seeds: expected 1 or more, found 0"),
        (
            ("--design", "p2pet", "--design", "community", "--from", "2031-01-01"),
            "--from: expected days within the data",
        ),
        (("--design", "p2pet", "--design", "community", "--set", "market.timing=never"), "market.timing"),
        (("--design", "p2pet", "--design", "none.toml"), "none.toml"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(
    street: Path, tmp_path: Path, asked: tuple[str, ...], expected: str
) -> None:
    out = tmp_path / "out"
    said = commonwatt("compare", street, *asked, "--out", out)
    assert said.code == 2, said.both
    assert expected in said.err
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(street: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = commonwatt("compare", street, *DESIGNS, "--out", tmp_path, cwd=street.parent)
    assert said.code == 2
    assert "expected an empty or new folder, or a comparison to go on with" in said.err
    assert list(files_of(tmp_path)) == ["notes.txt"]


def test_a_comparison_of_other_days_or_another_design_of_that_name_is_refused(compared: Path, street: Path) -> None:
    before = files_of(compared)
    asked = ("compare", street, *DESIGNS, "--out", compared)
    said = commonwatt(*asked, "--set", "community.seed=5", *SMALL, cwd=street.parent)
    assert said.code == 2, said.both
    assert "expected a comparison of the same days, data, seed and version" in said.err
    said = commonwatt(*asked, *SMALL, "--set", "ledger.window_slots=5", cwd=street.parent)
    assert said.code == 2, said.both
    assert "expected a run of this design's settings" in said.err
    assert len(said.err.splitlines()) == 4, "three runs, and how many findings"
    assert files_of(compared) == before
