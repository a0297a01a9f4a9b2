"""A sample of the kill harness: `python scripts/kills.py` does all of it, and its table is in docs/explain/faults.md."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.kill_harness import DESIGNS, ON_FEEDER, ON_REFERENCE, Design, Killing

ORDINARY = Design("community", "ex_post", "embedded")


@pytest.mark.full
@pytest.mark.parametrize(
    "design", [*DESIGNS, *ON_FEEDER, ON_REFERENCE[-1]], ids=lambda d: f"{d.name}-{d.timing}-{d.ledger}-{d.executor}"
)
def test_a_run_killed_anywhere_and_again_ends_as_undisturbed(tmp_path: Path, design: Design) -> None:
    killing = Killing(tmp_path, design)
    draws = random.Random(f"sample {design}")
    done = [killing.at_event(event) for event in draws.sample(killing.steps, 4) + draws.sample(killing.files, 2)]
    done += [killing.at_instant(draws), killing.again_and_again(draws, 3)]
    assert [kill for kill in done if kill.differences] == []
    assert any(kill.rows > 0 for kill in done)
    assert sum(kill.kills for kill in done) >= 7


@pytest.mark.full
def test_the_typed_command_killed_at_any_instant_ends_as_undisturbed(tmp_path: Path) -> None:
    killing, draws = Killing(tmp_path, ORDINARY), random.Random("typed")
    assert [kill.differences for kill in (killing.command_at_instant(draws), killing.command_at_instant(draws))] == [
        (),
        (),
    ]


@pytest.mark.parametrize("design", [ORDINARY, ON_FEEDER[0]], ids=lambda d: d.name)
def test_a_run_killed_between_journal_and_ledger_ends_as_undisturbed(tmp_path: Path, design: Design) -> None:
    killing = Killing(tmp_path, design)
    events = killing.events
    for table in ("wires", "curtailments") if design.is_wired else ():
        assert pq.read_table(tmp_path / "whole" / "public" / f"{table}.parquet").num_rows
    for name in ("after SqliteJournal.append", "after ChainFile.append", "before EmbeddedChain.export"):
        kill = killing.at_event(len(events) - 1 - events[::-1].index(name))
        assert kill.differences == ()
