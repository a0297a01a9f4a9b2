"""Comparing: one community under several designs on the same days, a run each, and one page for all of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.chain.exported import ExportedChain
from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.store.files import read_json, write_json, write_text
from commonwatt.adapters.store.run_folder import CHAIN, MANIFEST, RunFolder
from commonwatt.core.errors import VerificationFailed, require
from commonwatt.core.findings import Finding
from commonwatt.services.comparison import Comparison, Outcome, compare, outcome_of
from commonwatt.services.comparison.ending import ending
from commonwatt.services.comparison.page import page
from commonwatt.services.comparison.sheets import differences_csv, members_csv, metrics_csv, timing_csv
from commonwatt.services.reporting.words import several
from commonwatt.settings.checking import OpenCommunity, open_community
from commonwatt.settings.designs import Design, designs
from commonwatt.settings.loading import draft
from commonwatt.wiring.doubting import unit_lines
from commonwatt.wiring.inputs import folder_name, inputs_json, slots_of
from commonwatt.wiring.running import RunRequest, run_community
from commonwatt.wiring.workers import Told, Watcher, work_off

MARK: Final = "comparison.json"
"""What says that a folder is a comparison's, and of which days and designs."""
_TRADING_SHARE: Final = 0.7
"""How much of a run's time is over when trading is; closing, audit and report take the rest."""


@dataclass(frozen=True)
class CompareRequest:
    """What `commonwatt compare` was asked."""

    file: Path
    designs: tuple[str, ...]
    out: Path | None = None
    overrides: tuple[str, ...] = ()
    first: str | None = None
    end: str | None = None
    seeds: int = 1
    jobs: int = 1
    program: str = "commonwatt"


@dataclass(frozen=True)
class CompareResult:
    """What is left to say after a comparison."""

    out: Path
    comparison: Comparison
    ending: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether every design was run to its end and its books balance."""
        return not self.comparison.failed


@dataclass(frozen=True)
class Task:
    """One run of a comparison, for a worker."""

    design: str
    seed: int
    request: RunRequest
    kept: Path
    """The file of its outcome."""
    identity: str
    """Of settings and inputs: an outcome of another is not taken."""


def compare_designs(request: CompareRequest, listener: Watcher) -> CompareResult:
    """Run what is not yet run, and write tables and page.

    Raises:
        InvalidInput: designs, settings, members, data, dates or the folder; nothing was written.
        VerificationFailed: no design could be run to its end.
        KeyboardInterrupt: stopped; the same request goes on from there.

    """
    found = [] if request.seeds >= 1 else [Finding("--seeds", "1 or more", str(request.seeds))]
    found += [] if request.jobs >= 1 else [Finding("--jobs", "1 or more", str(request.jobs))]
    asked, faults = designs(request.designs)
    require([*found, *faults])
    communities = _communities(request, asked)
    base = communities[0]
    slots = slots_of(base, request.first, request.end)
    for line in unit_lines(base):
        listener.say(line)
    out = request.out or Path("out") / f"{folder_name(base.settings.community.name)}-compare"
    tasks = [task for pair in zip(asked, communities, strict=True) for task in _tasks(request, *pair, slots, out)]
    _take_folder(out, tasks, inputs_json(base, slots))
    failed = _run(tasks, request, base, listener)
    comparison = compare(_outcomes(asked, tasks, failed), failed)
    write(out, comparison)
    finished = [task for task in tasks if task.design not in failed]
    write_text(out / "timing.csv", timing_csv((task.design, task.seed, _latency_of(task)) for task in finished))
    return CompareResult(out, comparison, ending(comparison, str(out)))


def write(out: Path, comparison: Comparison) -> None:
    """The tables and the page."""
    write_text(out / "metrics.csv", metrics_csv(comparison))
    write_text(out / "members.csv", members_csv(comparison))
    write_text(out / "differences.csv", differences_csv(comparison))
    links = {name: f"runs/{name}/report.html" for name in comparison.designs}
    write_text(out / "report.html", page(comparison, links))


def _communities(request: CompareRequest, asked: Sequence[Design]) -> list[OpenCommunity]:
    """The community under each design; members and data are read once, for they are the same."""
    drafts = [draft(request.file, None, request.overrides, over=design) for design in asked]
    require(dict.fromkeys(finding for half_read in drafts for finding in half_read.findings))
    first = open_community(request.file, None, request.overrides, asked[0])
    return [first, *(OpenCommunity(half_read.settings(), first.feed) for half_read in drafts[1:])]


def _tasks(request: CompareRequest, design: Design, community: OpenCommunity, slots: range, out: Path) -> list[Task]:
    seed = community.settings.community.seed
    inputs, settings = inputs_json(community, slots), community.settings.effective_toml()
    tasks = []
    for number in range(request.seeds):
        folder = out / "runs" / (design.name if not number else f"seed-{seed + number}/{design.name}")
        overrides = (*request.overrides, *((f"community.seed={seed + number}",) if number else ()))
        run = RunRequest(
            request.file,
            folder,
            None,
            overrides,
            request.first,
            request.end,
            True,
            program=request.program,
            design=design,
        )
        identity = hashlib.sha256(f"{inputs}\n{settings}\n{seed + number}".encode()).hexdigest()
        tasks.append(Task(design.name, seed + number, run, folder.with_name(f"{folder.name}.json"), identity))
    return tasks


def _take_folder(out: Path, tasks: Sequence[Task], inputs: str) -> None:
    """Make the folder, or go on with a comparison of the same days in it.

    Raises:
        InvalidInput: something else lies there, other days or data, or a design of that name with other settings.

    """
    mark, where = _mark(out), str(out)
    if mark is None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            require([Finding(where, "an empty or new folder, or a comparison to go on with", "something else")])
        mark = {"inputs": inputs, "runs": {}}
    if mark["inputs"] != inputs:
        require([Finding(where, "a comparison of the same days, data, seed and version", "one of others")])
    runs, found = mark["runs"], []
    for task in tasks:
        name = task.kept.relative_to(out).with_suffix("").as_posix()
        if runs.get(name, task.identity) != task.identity:
            expected = "a run of this design's settings (remove it, or choose another --out)"
            found.append(Finding(f"{where}/{name}", expected, "one of others"))
        runs[name] = task.identity
    require(found)
    write_json(out / MARK, mark)


def _mark(out: Path) -> dict[str, Any] | None:
    try:
        mark = read_json(out / MARK)
    except (OSError, ValueError):
        return None
    if not isinstance(mark, dict) or not isinstance(mark.get("runs"), dict) or "inputs" not in mark:
        return None
    return mark


def _run(tasks: Sequence[Task], request: CompareRequest, base: OpenCommunity, listener: Watcher) -> dict[str, str]:
    """Run every task that has no outcome yet; returns by design why it failed."""
    due = [task for task in tasks if kept_outcome(task) is None]
    taken = len(tasks) - len(due)
    if taken:
        listener.say(f"{taken} of {several(len(tasks), 'run')} {'is' if len(tasks) == 1 else 'are'} there already")
    if not due:
        return {}
    _draw_keys(tasks, base)
    shares, failed = dict.fromkeys(range(len(due)), 0.0), dict[str, str]()
    steps = len(slots_of(base, request.first, request.end))
    listener.stage(f"running {len(due)} of {len(tasks)}", len(due) * steps)

    def told(one: Told) -> None:
        task = due[one.task]
        name = task.design + (f", seed {task.seed}," if request.seeds > 1 else "")
        shares[one.task] = _TRADING_SHARE * one.share if one.kind == "at" else 1.0
        listener.at(int(sum(shares.values()) * steps))
        if one.kind == "failed":
            failed.setdefault(task.design, one.why)
            listener.say(f"{name} failed: {one.why}")
        elif one.kind == "done":
            listener.say(f"{name} finished")

    work_off(run_task, due, request.jobs, told)
    return failed


def _draw_keys(tasks: Sequence[Task], base: OpenCommunity) -> None:
    """One key file for all, drawn before several processes would draw it; a comparison that goes on needs the one it began with."""
    assert all(task.request.out is not None for task in tasks)
    begun = any(RunFolder(task.request.out).is_begun for task in tasks if task.request.out is not None)
    KeyFile.opened(base.settings.key_path, base.settings.community.name, create=not begun)


def run_task(task: Task, watcher: Watcher) -> None:
    """Run one design to its end and keep its outcome; whatever is finished of it is taken.

    Raises:
        CommonwattError: as `run_community`; or VerificationFailed where its books do not agree.

    """
    result = run_community(task.request, watcher)
    if not result.verified:
        raise VerificationFailed(f"its books do not agree: see {result.folder.root / 'report.html'}")
    used = None if result.results.facts.chain == "memory" else _bytes_of(result.folder.public / CHAIN)
    outcome = outcome_of(result.results, task.design, used)
    kept = {"identity": task.identity, "manifest": _manifest_hash(result.folder), "outcome": outcome.to_json()}
    write_json(task.kept, kept)


def kept_outcome(task: Task) -> Outcome | None:
    """The outcome of a finished run of the same settings and inputs whose public files are still the ones it was made from."""
    try:
        kept = read_json(task.kept)
        assert task.request.out is not None
        if (kept["identity"], kept["manifest"]) != (task.identity, _manifest_hash(RunFolder(task.request.out))):
            return None
        return Outcome.from_json(kept["outcome"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _latency_of(task: Task) -> dict[str, dict[str, float]]:
    """By stage what the run's `timing.json` says; nothing where somebody took it away."""
    assert task.request.out is not None
    try:
        timing = read_json(task.request.out / "timing.json")
        latency: dict[str, dict[str, float]] = timing["latency"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return latency


def _manifest_hash(folder: RunFolder) -> str:
    return hashlib.sha256((folder.public / MANIFEST).read_bytes()).hexdigest()


def _bytes_of(chain: Path) -> int:
    """Bytes of every transaction after the foundation."""
    with ExportedChain.open(chain) as exported:
        founded, total = False, 0
        for raws, block in exported.raw_blocks():
            total += sum(map(len, raws)) if founded else 0
            founded = founded or block.seals_genesis
    return total


def _outcomes(asked: Sequence[Design], tasks: Sequence[Task], failed: dict[str, str]) -> dict[str, list[Outcome]]:
    """Outcomes by design, one a seed; a design that failed is left out.

    Raises:
        VerificationFailed: none is left.

    """
    outcomes = {}
    for design in asked:
        if design.name not in failed:
            runs = [kept_outcome(task) for task in tasks if task.design == design.name]
            outcomes[design.name] = [run for run in runs if run is not None]
    if not outcomes:
        raise VerificationFailed("\n".join(f"{name}: {why}" for name, why in failed.items()))
    return outcomes
