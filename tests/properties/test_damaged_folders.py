"""Resuming a folder with damaged files: the same result as undisturbed, or a refusal in words; never a traceback, never a wrong result said to be right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.small_runs import promised
from tests.fakes.tiny_runs import Telling, killed_after, ran, write_morning

from commonwatt.core.errors import CommonwattError, InvalidInput

STATES = ("finished", "stopped", "killed", "begun")
"""A whole run; one stopped half-way, its logs merged; one killed half-way, everything still in its logs; one killed after its first half slot."""


@dataclass(frozen=True)
class Morning:
    """A community, its undisturbed run, and folders of the same run stopped on the way."""

    street: Path
    whole: Path
    states: dict[str, Path]
    files: dict[str, list[str]]
    """The files of each state by relative name."""


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    root = tmp_path_factory.mktemp("morning")
    street = write_morning(root / "street")
    whole = root / "finished"
    assert ran(street, whole).verified
    with pytest.raises(KeyboardInterrupt):
        ran(street, root / "stopped", watcher=Telling(stop_after_three))
    killed_after(street, root / "killed", 4)
    killed_after(street, root / "begun", 1)
    states = {name: root / name for name in STATES}
    files = {
        name: sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file() and p.parent.name not in MEMBERS)
        for name, run in states.items()
    }
    yield Morning(street, whole, states, files)


def stop_after_three(done: int) -> None:
    if done == 3:
        raise KeyboardInterrupt


MEMBERS = ("roof-1", "roof-2", "barn", "flat-1")
"""One member's files are enough to damage."""


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, list[tuple[int, str, float, int]]]:
    """A state, and what happens to some of its files: which, how, where in it, and a byte."""
    one = st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(["flip", "flip", "cut", "gone", "empty", "zeros", "noise", "other"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 255),
    )
    return draw(st.sampled_from(STATES)), draw(st.lists(one, min_size=1, max_size=3))


def damage(morning: Morning, state: str, run: Path, which: int, how: str, share: float, byte: int) -> None:
    # Half of all damage hits journal and chain: they are what a resume goes by.
    names = morning.files[state]
    private = [name for name in names if name.startswith(("private/chain", "private/journal.sqlite"))]
    name = (private if which % 2 else names)[which % len(private if which % 2 else names)]
    path, other = run / name, morning.states["begun" if state != "begun" else "killed"] / name
    data = path.read_bytes() if path.exists() else b""
    at = int(share * len(data))
    if how == "gone":
        path.unlink(missing_ok=True)
    elif how == "other" and other.exists():
        path.write_bytes(other.read_bytes())
    elif how == "flip" and data:
        path.write_bytes(data[:at] + bytes([data[at] ^ byte]) + data[at + 1 :])
    else:
        path.write_bytes(
            {"cut": data[:at], "zeros": data[:at] + bytes(len(data) - at)}.get(how, b"\x2a" * byte * (how == "noise"))
        )


def same_or_refused(morning: Morning, run: Path) -> str:
    """Resume; the words of the refusal, empty when the result is the undisturbed one."""
    try:
        result = ran(morning.street, run, resume=True)
    except (CommonwattError, OSError) as error:
        assert str(error)
        return str(error)
    found, expected = promised(run), promised(morning.whole)
    assert [name for name in expected if found.get(name) != expected[name]] == []
    assert result.verified or set(found) != set(expected)
    return ""


def check(morning: Morning, case: tuple[str, list[tuple[int, str, float, int]]], folder: Path) -> None:
    state, harm = case
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(morning.states[state], run)
    for one in harm:
        damage(morning, state, run, *one)
    refusal = same_or_refused(morning, run)
    if refusal:
        # Refused again, in the same words: a refusal changed nothing that matters.
        assert same_or_refused(morning, run) == refusal


HARM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@settings(HARM, max_examples=5)
@given(case=damages())
def test_a_damaged_folder_is_made_right_or_refused(morning: Morning, tmp_path: Path, case: tuple) -> None:
    check(morning, case, tmp_path)


@pytest.mark.full
@settings(HARM, max_examples=60)
@given(case=damages())
def test_many_damaged_folders_are_made_right_or_refused(morning: Morning, tmp_path: Path, case: tuple) -> None:
    check(morning, case, tmp_path)


@pytest.mark.parametrize("file", ["private/journal.sqlite", "private/chain.sqlite", "private/chain.sqlite-wal"])
@pytest.mark.parametrize("state", STATES)
def test_a_half_copied_disk_is_made_right_or_refused(morning: Morning, tmp_path: Path, state: str, file: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(morning.states[state], run)
    if not (run / file).exists():
        return
    (run / file).unlink()
    refusal = same_or_refused(morning, run)
    assert refusal == "" if "chain" in file else "private/journal.sqlite" in refusal


@pytest.mark.full
@pytest.mark.parametrize("how", ["gone", "cut"])
@pytest.mark.parametrize("state", STATES)
def test_every_file_of_a_half_copied_disk_may_be_missing_or_cut(
    morning: Morning, tmp_path: Path, state: str, how: str
) -> None:
    """One file at a time; what was resumed or refused, no half of anything is left beside it."""
    for name in morning.files[state]:
        run = tmp_path / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(morning.states[state], run)
        data = (run / name).read_bytes()
        (run / name).unlink()
        if how == "cut":
            (run / name).write_bytes(data[: len(data) // 2])
        refusal = same_or_refused(morning, run)
        # Without its log a journal that was killed is empty.
        assert not refusal or name.startswith("private/journal.sqlite"), (name, refusal)
        assert not list(run.rglob("*.tmp*"))


def test_a_refusal_is_bad_input_where_the_journal_is_gone(morning: Morning, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(morning.whole, run)
    (run / "private" / "journal.sqlite").unlink()
    with pytest.raises(InvalidInput, match="a run to resume"):
        ran(morning.street, run, resume=True)
