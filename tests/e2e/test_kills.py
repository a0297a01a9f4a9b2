"""A sample of the kill harness: `python scripts/kills.py` does all of it, and its table is in docs/explain/faults.md."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.fakes.kill_harness import Killing


@pytest.mark.full
@pytest.mark.parametrize("preset", ["community", "p2pet"])
def test_a_run_killed_anywhere_and_again_ends_as_undisturbed(tmp_path: Path, preset: str) -> None:
    killing = Killing(tmp_path, (preset,))
    draws = random.Random(f"sample {preset}")
    done = [killing.at_event(preset, event) for event in draws.sample(range(len(killing.events[preset])), 12)]
    done += [killing.at_instant(preset, draws.random()) for _ in range(4)]
    done += [killing.again_and_again(preset, draws, 3)]
    assert [kill for kill in done if kill.differences] == []
    assert any(kill.rows > 0 for kill in done)


def test_a_run_killed_between_journal_and_ledger_ends_as_undisturbed(tmp_path: Path) -> None:
    killing = Killing(tmp_path, ("community",))
    events = killing.events["community"]
    for name in ("after SqliteJournal.append", "after ChainFile.append", "before EmbeddedChain.export"):
        kill = killing.at_event("community", len(events) - 1 - events[::-1].index(name))
        assert kill.differences == ()
