"""Federating: many communities run together, each into its own folder, and one folder for the whole."""

import json
import resource
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, Final

import commonwatt
from commonwatt.adapters.store.files import read_json, write_csv, write_json, write_table, write_text
from commonwatt.adapters.store.run_folder import MANIFEST, RunFolder, read_public
from commonwatt.adapters.store.run_lock import RunLock
from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.core.errors import VerificationFailed, require
from commonwatt.core.findings import Finding
from commonwatt.services.alone import alone_cost_nano
from commonwatt.services.federation import areas_of, federate
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.federation import (
    EXCHANGES,
    FEDERATION,
    CommunityOutcome,
    FederationFacts,
    exchanges_table,
    federation_summary,
)
from commonwatt.services.reporting.federation_page import federation_ending, federation_page
from commonwatt.settings import load
from commonwatt.settings.federation import FederationFile, open_members, read_federation
from commonwatt.wiring.auditing_federation import whole_checks
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.company import keep_company
from commonwatt.wiring.inputs import folder_name, slots_of
from commonwatt.wiring.running import Beside, RunRequest, run_community
from commonwatt.wiring.timing import Stopwatch
from commonwatt.wiring.workers import Told, Watcher

_EXCHANGES_FILE: Final = f"{EXCHANGES}.parquet"
_TRADING_SHARE: Final = 0.7
"""How much of a community's time is over when trading is; closing, audit and report take the rest."""


@dataclass(frozen=True)
class FederationResult:
    """What is left to say after a federation's run."""

    out: Path
    summary: dict[str, Any]
    ending: list[str]
    verified: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """What a federation needs to know of one of its communities."""

    entry: str
    name: str
    folder: str
    currency: str
    slot_s: int
    time_zone: str
    timing: str
    slots: range
    key_path: Path


@dataclass(frozen=True)
class Task:
    """One community's run, for a worker."""

    name: str
    federation: str
    request: RunRequest
    kept: Path
    """The file of its outcome."""


def run_federation(request: RunRequest, jobs: int, watcher: Watcher) -> FederationResult:
    """Run every community of the federation file to its end, in so many processes, and write the folder of the whole.

    Raises:
        InvalidInput: the federation file, any community, dates or the folder; nothing was written.
        JournalError: `resume` on the run of another federation.
        VerificationFailed: a community could not go on; all stopped, resumable.
        KeyboardInterrupt: stopped; `resume` goes on from there.

    """
    begun = time.perf_counter(), time.process_time(), _children_cpu_s()
    require([] if jobs >= 1 else [Finding("--jobs", "1 or more", str(jobs))])
    federation = read_federation(request.file)
    members = opened_members(federation, request)
    folder = RunFolder(request.out or Path("out") / folder_name(federation.name))
    folder.prepare(request.resume)
    with RunLock(folder.lock):
        identity = _identity(federation, members)
        with closing(SqliteJournal(folder.journal, identity, may_be_new=not folder.public.exists())) as journal:
            crossings = _run(request, jobs, federation, members, folder, journal, watcher)
        watcher.stage("writing the report")
        outcomes = [_outcome(task.kept) for task in _tasks(request, federation, members, folder)]
        facts = FederationFacts(
            name=federation.name,
            currency=members[0].currency,
            time_zone=members[0].time_zone,
            slot_s=members[0].slot_s,
            slots=members[0].slots,
            timing=members[0].timing,
            communities=tuple(outcomes),
            crossings=crossings,
        )
        _publish(folder, federation, members, facts, request.csv)
        watcher.stage("auditing the whole")
        checks = whole_checks(folder.root)
        facts = replace(facts, is_met_again=all(check.passed for check in checks))
        summary = federation_summary(facts)
        write_text(folder.root / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        links = {member.name: f"communities/{member.folder}/report.html" for member in members}
        write_text(folder.root / "report.html", federation_page(facts, links))
        write_json(folder.root / "timing.json", _timing(begun, jobs))
    ending = federation_ending(facts, str(folder.root), request.program)
    return FederationResult(folder.root, summary, ending, facts.is_sound)


def opened_members(federation: FederationFile, request: RunRequest) -> list[Member]:
    """Every community, opened once to see that all may run and belong together.

    Raises:
        InvalidInput: with every finding of all of them.

    """
    members, found = [], []
    for at, entry in enumerate(federation.communities):
        community, faults = open_members(federation, at, request.preset, request.overrides)
        found += faults
        if community is None:
            continue
        settings = community.settings
        found += [
            Finding(f"{entry}: {where}", f"{expected} in a federation", was)
            for where, expected, was, is_wrong in (
                ("ledger.path", "net", settings.ledger.path, settings.ledger.path != "net"),
                (
                    "market.venue",
                    "sealed_batch (orders that are taken back or answered one by one leave no position before they meet)",
                    settings.market.venue,
                    settings.market.venue != "sealed_batch",
                ),
                (
                    "grid.model",
                    "unlimited (a grid that cuts trades after the gate would cut what others rely on)",
                    settings.choices["grid"].name,
                    settings.market.timing == "ex_ante" and settings.choices["grid"].name != "unlimited",
                ),
            )
            if is_wrong
        ]
        members.append(
            Member(
                entry,
                settings.community.name,
                folder_name(settings.community.name),
                settings.community.currency,
                settings.community.slot_s,
                settings.community.time_zone,
                settings.market.timing,
                slots_of(community, request.first, request.end),
                settings.key_path.resolve(),
            )
        )
    require(found)
    require(_together(members))
    return members


def check_federation_lines(file: Path, preset: str | None, overrides: tuple[str, ...]) -> list[str]:
    """What a federation holds, in words.

    Raises:
        InvalidInput: with every fault of its file and of all its communities.

    """
    federation = read_federation(file)
    members = opened_members(federation, RunRequest(file, preset=preset, overrides=overrides))
    first = members[0]
    linked = "all of them linked" if federation.links is None else f"{len(federation.links)} links"
    return [
        f"{federation.name}: no faults found.",
        f"{len(members)} communities, {linked}: {', '.join(member.name for member in members)}.",
        f"A run covers {len(first.slots)} slots of {first.slot_s} s, {first.timing}, in {first.currency}.",
        f"Next: commonwatt run {quote(str(file.parent))}",
    ]


def _together(members: Sequence[Member]) -> list[Finding]:
    """What has to be the same of all communities, and what different."""
    found, first = [], members[0]
    for key, text in (
        ("slot_s", "slot length (community.slot_s)"),
        ("currency", "currency (community.currency)"),
        ("timing", "timing (market.timing)"),
        ("slots", "first and last slot (--from and --to, or data.from and data.to)"),
    ):
        for member in members[1:]:
            value, other = getattr(first, key), getattr(member, key)
            if value != other:
                said = f"{value.start}..{value.stop}" if isinstance(value, range) else value
                was = f"{other.start}..{other.stop}" if isinstance(other, range) else str(other)
                found.append(Finding(member.entry, f"the {text} of {first.entry}, {said}", was))
    for key, text in (("folder", "a name of its own (community.name)"), ("key_path", "a key file of its own")):
        seen: dict[Any, Member] = {}
        for member in members:
            value = getattr(member, key)
            if value in seen:
                shown = member.name if key == "folder" else value.name
                found.append(Finding(member.entry, text, f"{shown}, as {seen[value].entry} has"))
            seen.setdefault(value, member)
    return found


def _identity(federation: FederationFile, members: Sequence[Member]) -> dict[str, str]:
    slots = members[0].slots
    return {
        "version": commonwatt.__version__,
        "federation": federation.name,
        "communities": json.dumps([member.name for member in members], ensure_ascii=False),
        "links": json.dumps(federation.links),
        "slots": f"{slots.start}..{slots.stop}",
    }


def _tasks(request: RunRequest, federation: FederationFile, members: Sequence[Member], folder: RunFolder) -> list[Task]:
    tasks = []
    for at, member in enumerate(members):
        own = folder.root / "communities" / member.folder
        run = replace(request, file=federation.path(at), out=own, resume=True)
        tasks.append(Task(member.name, federation.name, run, folder.private / "outcomes" / f"{member.folder}.json"))
    return tasks


def _run(
    request: RunRequest,
    jobs: int,
    federation: FederationFile,
    members: Sequence[Member],
    folder: RunFolder,
    journal: SqliteJournal,
    watcher: Watcher,
) -> Any:
    tasks = _tasks(request, federation, members, folder)
    tasks[0].kept.parent.mkdir(parents=True, exist_ok=True)
    shares, failed = dict.fromkeys(range(len(tasks)), 0.0), list[str]()
    steps = len(members[0].slots)
    watcher.stage(f"running {len(tasks)} communities", len(tasks) * steps)

    def told(one: Told) -> None:
        shares[one.task] = _TRADING_SHARE * one.share if one.kind == "at" else 1.0
        watcher.at(int(sum(shares.values()) * steps))
        if one.kind == "failed":
            failed.append(f"{members[one.task].name}: {one.why}")

    crossings = federate(
        len(tasks),
        areas_of(len(tasks), federation.links),
        members[0].slots,
        journal,
        lambda barrier: keep_company(run_member, tasks, jobs, barrier, told),
    )
    if crossings is None:
        rest = (
            "A community that cannot go on stops all: they wait for each other. The same command with --resume goes on."
        )
        raise VerificationFailed("\n".join([*failed, rest]))
    return crossings


def run_member(task: Task, watcher: Watcher, beside: Beside) -> None:
    """Run one community to its end, and keep what the report of the whole needs of it.

    Raises:
        CommonwattError: as `run_community`.

    """
    result = run_community(task.request, watcher, replace(beside, federation=task.federation))
    with beside.turn():
        public = PublicTables(read_public(result.folder.public))
        rules = rules_of(
            answered := load(result.folder.public / "settings.toml", with_members=False),
            answers_of(answered, Stopwatch()),
            public.suppliers,
            public.member_facts,
        )
        facts, figures = result.results.facts, result.results.members
        outcome = CommunityOutcome(
            name=task.name,
            members=tuple(facts.member_ids[name] for name in public.pseudonyms),
            pseudonyms=tuple(public.pseudonyms),
            cost_nano=tuple(figures.cost_nano.tolist()),
            baseline_nano=tuple(figures.baseline_nano.tolist()),
            alone_nano=tuple(alone_cost_nano(public, rules).tolist()),
            summary=result.summary,
            manifest_root=read_json(result.folder.public / MANIFEST)["root"],
            verified=result.verified,
            notes=result.notes,
        )
        write_json(task.kept, outcome.to_json())


def _outcome(kept: Path) -> CommunityOutcome:
    return CommunityOutcome.from_json(read_json(kept))


def _publish(
    folder: RunFolder, federation: FederationFile, members: Sequence[Member], facts: FederationFacts, csv: bool
) -> None:
    folder.public.mkdir(parents=True, exist_ok=True)
    table = exchanges_table(facts)
    write_table(folder.public / _EXCHANGES_FILE, table, table.schema)
    if csv:
        write_csv(folder.public / f"{EXCHANGES}.csv", table)
    said = {
        "format": 1,
        "name": federation.name,
        "currency": facts.currency,
        "slot_s": facts.slot_s,
        "first_slot": facts.slots.start,
        "end_slot": facts.slots.stop,
        "links": federation.links,
        "communities": [
            {"name": member.name, "folder": member.folder, "root": outcome.manifest_root}
            for member, outcome in zip(members, facts.communities, strict=True)
        ],
    }
    write_json(folder.public / FEDERATION, said)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timing(begun: tuple[float, float, float], jobs: int) -> dict[str, Any]:
    wall, cpu, children = begun
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu + _children_cpu_s() - children, 3),
        "jobs": jobs,
        "peak_mb_of_a_process": round(peak_kb / 1024, 1),
    }
