"""A whole community: settings, members and data checked together, before a run and by `commonwatt check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.members import Member
from commonwatt.core.units import slot_energy_wh
from commonwatt.settings import sections as s
from commonwatt.settings.designs import Design
from commonwatt.settings.loading import Draft, draft, key_path_of
from commonwatt.settings.model import Settings

if TYPE_CHECKING:
    from commonwatt.adapters.feeds.profiles import ProfileFeed, ProfileFiles


@dataclass(frozen=True)
class OpenCommunity:
    """A community that may run: its settings and its data, both without a finding."""

    settings: Settings
    feed: ProfileFeed


def open_community(
    file: Path, design: str | None = None, overrides: Sequence[str] = (), over: Design | None = None
) -> OpenCommunity:
    """Read settings, members and data; `over` is a design that wins over the file.

    Raises:
        InvalidInput: with every finding of all three.

    """
    half_read, feed, found = _checked(file, design, overrides, over)
    require(found)
    assert feed is not None, "a feed without findings"
    return OpenCommunity(half_read.settings(), feed)


def open_community_findings(
    file: Path, design: str | None = None, overrides: Sequence[str] = ()
) -> tuple[OpenCommunity | None, list[Finding]]:
    """As `open_community`, with the findings beside what could be opened; None where there are any."""
    half_read, feed, found = _checked(file, design, overrides)
    return (None if found or feed is None else OpenCommunity(half_read.settings(), feed)), found


def community_findings(file: Path, design: str | None = None, overrides: Sequence[str] = ()) -> list[Finding]:
    """Every fault of a community at once: settings, members and data; empty when it may run."""
    return _checked(file, design, overrides)[2]


def _checked(
    file: Path, design: str | None, overrides: Sequence[str], over: Design | None = None
) -> tuple[Draft, ProfileFeed | None, list[Finding]]:
    from commonwatt.adapters.feeds.profiles import checked_profiles

    half_read = draft(file, design, overrides, over=over)
    found = [*half_read.findings, *_key_file_findings(half_read)]
    files = _profile_files(half_read)
    if files is None:
        return half_read, None, found
    members = half_read.members.members
    storage = frozenset(m.id for m in members if m.battery_wh)
    # A faulty list of members still leaves the data to be looked at; only who is in them cannot be said.
    feed, faults = checked_profiles(files, half_read.members.ids or None, storage)
    found += faults
    if feed is not None and members and len(members) == len(half_read.members.ids):
        found += _connection_findings(members, feed, files.slot_s)
    return half_read, feed, found


def _key_file_findings(half_read: Draft) -> list[Finding]:
    """What is wrong with a key file that is there already."""
    from commonwatt.adapters.keys import key_file_findings

    ledger = half_read.sections.get("ledger")
    return key_file_findings(key_path_of(half_read.file, ledger.key_file)) if isinstance(ledger, s.Ledger) else []


def _profile_files(half_read: Draft) -> ProfileFiles | None:
    """Where the data lie; None while [community] or [data] is not valid."""
    from commonwatt.adapters.feeds.profiles import ProfileFiles

    community, data = half_read.sections.get("community"), half_read.sections.get("data")
    if not isinstance(community, s.Community) or not isinstance(data, s.Data):
        return None
    folder = half_read.file.parent
    return ProfileFiles(
        profiles=folder / data.profiles,
        corrections=folder / data.corrections if data.corrections else None,
        slot_s=community.slot_s,
        zone=ZoneInfo(community.time_zone),
        naive_zone=ZoneInfo(data.time_zone) if data.time_zone else None,
        max_gap_h=data.max_gap_h,
        substitute=data.substitute,
    )


def _connection_findings(members: Sequence[Member], feed: ProfileFeed, slot_s: int) -> list[Finding]:
    """Members whose meter saw, or is said later to have seen, more than their connection carries: the ledger would refuse their settlement."""
    most_wh = np.abs(feed.pv_wh - feed.load_wh).max(axis=0)
    for reading in (reading for late in feed.late.values() for reading in late):
        most_wh[reading.member] = max(most_wh[reading.member], abs(reading.pv_wh - reading.load_wh))
    return [
        Finding(
            f"member {member.id} connection_w",
            f"a connection that carries the data: {int(most) * 3600 // slot_s} W in its strongest slot",
            str(member.connection_w),
        )
        for member, most in zip(members, most_wh, strict=True)
        if most > slot_energy_wh(member.connection_w, slot_s)
    ]
