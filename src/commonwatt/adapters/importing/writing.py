"""Imported profiles as files: our own layout in Parquet or CSV, and a first list of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from commonwatt.adapters.feeds.doubts import Doubt, doubt_rows, stamp
from commonwatt.adapters.feeds.rows import GROSS
from commonwatt.adapters.importing.profiles import Profiles
from commonwatt.core.units import SECONDS_PER_HOUR

MEMBER_COLUMNS: Final = (
    "id", "role", "pv_w", "battery_wh", "battery_w", "strategy", "buy_limit_micro_per_kwh", "sell_limit_micro_per_kwh", "connection_w", "origin",
)  # fmt: skip
_CONNECTION_W: Final = 10_000
"""An ordinary connection; a home whose data need more gets a quarter more than its strongest slot."""


def profiles_table(profiles: Profiles, *, as_text: bool) -> pa.Table:
    """One row a home and slot with a reading, ordered by home and time; times as timestamps in UTC or, `as_text`, as ISO 8601."""
    home, slot = np.nonzero(profiles.known.T)
    starts_s = (profiles.first_slot + np.arange(len(profiles.known))) * profiles.slot_s
    if as_text:
        texts = pa.array([stamp(start) for start in starts_s.tolist()])
        start = pa.DictionaryArray.from_arrays(pa.array(slot, pa.int32()), texts).cast(pa.string())
    else:
        start = pa.array(starts_s[slot] * 1000, pa.timestamp("ms", "UTC"))
    member = pa.DictionaryArray.from_arrays(pa.array(home, pa.int32()), pa.array(profiles.homes)).cast(pa.string())
    first, second = profiles.columns
    energies = {first: profiles.first_wh[slot, home], second: profiles.second_wh[slot, home]}
    return pa.table({"start": start, "member": member} | {name: pa.array(wh, pa.int64()) for name, wh in energies.items()})  # fmt: skip


def members_text(profiles: Profiles, doubtful: Mapping[str, Sequence[str]]) -> str:
    """A list of members to start from, as CSV: role, PV and connection from the data, limits empty (as much as the grid costs)."""
    lines = [",".join(MEMBER_COLUMNS)]
    is_gross = profiles.columns == GROSS
    for at, home in enumerate(profiles.homes):
        first, second = profiles.first_wh[:, at], profiles.second_wh[:, at]
        pv_w = -(-_power_w(int(second.max()), profiles.slot_s) // 100) * 100 if is_gross else 0
        most_w = _power_w(int(np.abs(second - first).max()), profiles.slot_s)
        connection_w = max(_CONNECTION_W, -(-most_w * 5 // 4000) * 1000)
        role = "prosumer" if second.any() else "consumer"
        origin = "doubtful" if home in doubtful else "measured"
        lines.append(f"{home},{role},{pv_w},0,0,truthful,,,{connection_w},{origin}")
    return "\n".join(lines) + "\n"


def doubts_table(doubts: Sequence[Doubt]) -> pa.Table:
    """Doubts as a table, one row each, with what is done about it."""
    names = ("kind", "member", "column", "start", "slots", "found", "where", "done")
    rows = doubt_rows(doubts)
    return pa.table({name: pa.array([row[name] for row in rows], pa.int64() if name == "slots" else pa.string()) for name in names})  # fmt: skip


def _power_w(energy_wh: int, slot_s: int) -> int:
    return -(-energy_wh * SECONDS_PER_HOUR // slot_s)
