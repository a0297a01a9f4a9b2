"""Where an import goes: a new community's folder, or one that is there; written whole, never over a file without leave."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.csv_table import read_bytes, read_csv
from commonwatt.adapters.datasets import example_folder
from commonwatt.adapters.feeds.doubts import Doubt
from commonwatt.adapters.importing.profiles import Profiles
from commonwatt.adapters.importing.writing import doubts_table, members_text, profiles_table
from commonwatt.adapters.store.files import write_csv, write_table, write_text
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.foreign import toml_of
from commonwatt.core.slots import SlotGrid
from commonwatt.settings import FILE_NAME, MEMBERS_NAME
from commonwatt.settings import sections as s
from commonwatt.settings.editing import edited
from commonwatt.settings.loading import draft
from commonwatt.settings.written import IGNORE_NAME, IGNORED, community_toml

DOUBTS_NAME: Final = "data-doubts.csv"
DRAFT_NAME: Final = "members-draft.csv"


@dataclass(frozen=True)
class Target:
    """A folder to import into."""

    folder: Path
    is_new: bool
    """Whether there is no community file yet."""
    force: bool
    profiles: str
    """Name of the profiles' file."""
    slot_s: int = 0
    zone: str = ""
    """The community's time zone; empty where it is new."""
    currency: str = ""
    """The community's currency; empty where it is new or cannot be read."""
    period: tuple[str, str] = ("", "")
    """Days that [data] chooses."""
    member_ids: tuple[str, ...] = ()
    has_members: bool = False
    is_example: bool = False
    """Whether the members are still those that `init` wrote."""


@dataclass
class Written:
    """What an import wrote, and what it leaves to do."""

    files: list[Path] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Keys of the community file that were changed, in words."""
    to_change: list[str] = field(default_factory=list)
    """Keys that its owner should change."""
    notes: list[str] = field(default_factory=list)


def target_of(into: Path, *, as_csv: bool, force: bool) -> tuple[Target, list[Finding]]:
    """The folder as it is, and what forbids to write there."""
    nothing = Target(into, is_new=True, force=force, profiles="profiles.csv" if as_csv else "profiles.parquet")
    try:
        if into.exists() and not into.is_dir():
            return nothing, [Finding(f"--into {into}", "a community's folder, or a new one", "a file")]
        names = sorted(path.name for path in into.iterdir()) if into.exists() else []
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return nothing, [Finding(f"--into {into}", "a folder that can be read", reason.lower())]
    if FILE_NAME not in names:
        taken = [name for name in (nothing.profiles, MEMBERS_NAME, DOUBTS_NAME) if name in names and not force]
        return nothing, [_taken(into / name) for name in taken]
    target = _existing(into, nothing, names)
    clashes = [target.profiles] if (into / target.profiles).exists() else []
    clashes += [name for name in (DOUBTS_NAME,) if name in names]
    return target, [_taken(into / name) for name in clashes if not force]


def write_import(
    target: Target, profiles: Profiles, doubts: Sequence[Doubt], doubtful: Mapping[str, Sequence[str]], zone: str
) -> Written:
    """Write everything into a hidden folder first, then put it in place, the community file last.

    Raises:
        InvalidInput: the folder cannot be written; then nothing is.

    """
    result = Written()
    texts = {MEMBERS_NAME: members_text(profiles, doubtful)} if not target.has_members else {}
    missing = [home for home in profiles.homes if home not in target.member_ids]
    silent = [member for member in target.member_ids if member not in profiles.homes]
    if target.has_members and target.is_example and target.force and missing:
        texts[MEMBERS_NAME] = members_text(profiles, doubtful)
    elif target.has_members and (missing or silent):
        _say_members(missing, silent, result)
        if missing:
            texts[DRAFT_NAME] = members_text(profiles, doubtful)
    if target.is_new:
        texts[FILE_NAME] = _community(target, profiles, zone)
        if not (target.folder / IGNORE_NAME).exists():
            texts[IGNORE_NAME] = IGNORED
        if not zone:
            result.to_change.append("community.time_zone (UTC now: the data do not say whose clock they live by)")
    elif text := _changes(target, profiles, zone, result):
        texts[FILE_NAME] = text
    _write(target, profiles, doubts, texts, result)
    return result


def _existing(into: Path, target: Target, names: Sequence[str]) -> Target:
    """What a community that is there says, as far as it can be read."""
    half_read = draft(into)
    community, data = half_read.sections.get("community"), half_read.sections.get("data")
    members, _ = read_bytes(into / MEMBERS_NAME, MEMBERS_NAME)
    table = read_csv(members, MEMBERS_NAME)[0] if members else None
    given: dict[str, Any] = {}
    if isinstance(community, s.Community):
        given |= {"slot_s": community.slot_s, "zone": community.time_zone, "currency": community.currency}
    if isinstance(data, s.Data):
        given |= {"profiles": Path(data.profiles).name, "period": (data.from_, data.to)}
    ids = half_read.members.ids or (table.columns.get("id", []) if table else [])
    return Target(
        target.folder,
        is_new=False,
        force=target.force,
        has_members=MEMBERS_NAME in names or bool(ids),
        member_ids=tuple(ids),
        is_example=bool(members) and members == (example_folder() / MEMBERS_NAME).read_bytes(),
        **({"profiles": target.profiles} | given),
    )


def _community(target: Target, profiles: Profiles, zone: str) -> str:
    """A community file for new data: tariff and design of the example, which its owner changes first."""
    tables, _ = toml_of(FILE_NAME, (example_folder() / FILE_NAME).read_bytes())
    name = target.folder.resolve().name.replace("\n", " ") or "Community"
    given: dict[str, dict[str, Any]] = {key: table for key, table in tables.items() if key in s.SECTIONS}
    given["community"] = {
        "name": name,
        "currency": "EUR",
        "slot_s": profiles.slot_s,
        "time_zone": zone or "UTC",
        "design": "community",
    }
    given["data"] = {"profiles": target.profiles}
    intro = (
        "Made by `commonwatt import` for the profiles beside it. The tariff is an example's: put your own prices in."
    )
    return community_toml(given, intro)


def _changes(target: Target, profiles: Profiles, zone: str, result: Written) -> str:
    """The community file with the keys that the data need; empty when it may stay, or may not be changed."""
    changes: dict[tuple[str, str], int | str] = {}
    if target.slot_s and target.slot_s != profiles.slot_s:
        changes["community", "slot_s"] = profiles.slot_s
    if zone and zone != target.zone and target.is_example:
        changes["community", "time_zone"] = zone
    grid = SlotGrid(profiles.slot_s)
    first = grid.start_utc(profiles.first_slot).date().isoformat()
    last = grid.start_utc(profiles.first_slot + len(profiles.known)).date().isoformat()
    for key, day in zip(("from", "to"), target.period, strict=True):
        if day and not first <= day <= last:
            changes["data", key] = ""
    words = [f"{section}.{key} = {value!r}" for (section, key), value in changes.items()]
    data, _ = read_bytes(target.folder / FILE_NAME, FILE_NAME)
    text = edited(data.decode("utf-8-sig", errors="replace"), changes) if changes and target.force else None
    if text is None:
        result.to_change += words
        return ""
    result.changed += words
    return text


def _say_members(missing: Sequence[str], silent: Sequence[str], result: Written) -> None:
    if missing:
        names = ", ".join(missing[:6]) + (", ..." if len(missing) > 6 else "")
        result.notes.append(f"{MEMBERS_NAME} does not list {names}: their lines are in {DRAFT_NAME}.")
    if silent:
        names = ", ".join(silent[:6]) + (", ..." if len(silent) > 6 else "")
        result.notes.append(f"{MEMBERS_NAME} lists {names}, for whom there are no data: remove them or import theirs.")


def _write(
    target: Target, profiles: Profiles, doubts: Sequence[Doubt], texts: Mapping[str, str], result: Written
) -> None:
    folder = target.folder.resolve()
    order = [IGNORE_NAME, target.profiles, DOUBTS_NAME, DRAFT_NAME, MEMBERS_NAME, FILE_NAME]
    made = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside or inside the folder: renaming works only within one file system.
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder if folder.is_dir() else folder.parent))
        as_csv = target.profiles.endswith(".csv")
        table = profiles_table(profiles, as_text=as_csv)
        (write_csv if as_csv else write_table)(made / target.profiles, table)
        if doubts:
            write_csv(made / DOUBTS_NAME, doubts_table(doubts))
        for name, text in texts.items():
            write_text(made / name, text)
        made.chmod(0o755)
        names = [name for name in order if (made / name).exists()]
        if folder.is_dir():
            for name in names:
                os.replace(made / name, folder / name)  # noqa: PTH105 - replaces on every platform
        else:
            made.rename(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        require([Finding(f"--into {target.folder}", "a folder that can be written", reason)])
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
    result.files += [target.folder / name for name in names if name != IGNORE_NAME]


def _taken(path: Path) -> Finding:
    return Finding(str(path), "no such file (or --force, to replace it)", "one")
