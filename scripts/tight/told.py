"""A run of the tight month beside the one without limits: what the page says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from commonwatt.services.comparison.metrics import jain

Key = tuple[str, ...]
Row = dict[str, str]
Rows = Mapping[Key, tuple[Row, list[Row]]]

NAMES = {
    ("none", "none"): "no limits",
    ("verdict", "none"): "cut at the gate",
    ("market", "none"): "limits in the market",
    ("market", "fixed"): "market and fixed caps",
    ("market", "envelope"): "market and envelopes",
}
"""By where limits count and what is allotted."""


@dataclass(frozen=True)
class Told:
    """A run, and the one without limits beside it."""

    row: Row
    members: list[Row]
    plain: Row
    plain_members: list[Row]

    @property
    def design(self) -> str:
        """In words."""
        name = NAMES[self.row["limits"], self.row["allocation"]]
        return f"{name}, `{self.row['curtailment']}`" if self.row["limits"] == "verdict" else name

    @property
    def is_plain(self) -> bool:
        """Whether it is the one without limits."""
        return self.row is self.plain

    def whole(self, name: str) -> int:
        """A figure of the run."""
        return int(self.row[name])

    def more(self, name: str) -> int:
        """A figure less that of the run without limits."""
        return self.whole(name) - int(self.plain[name])

    @property
    def lost_share(self) -> float:
        """What of the worth of trades is lost beside no limits."""
        return -self.more("welfare_nano") / int(self.plain["welfare_nano"])

    @property
    def pv_wh(self) -> int:
        """What the panels would give."""
        return sum(int(member["pv_wh"]) for member in self.plain_members)

    @property
    def jain_share(self) -> float:
        """Evenness of what members gain against no market and no limits: energy held back is a loss here."""
        return self._jain_share(self.members)

    @property
    def plain_jain_share(self) -> float:
        """The same of the run without limits."""
        return self._jain_share(self.plain_members)

    def _jain_share(self, members: list[Row]) -> float:
        had = np.array([int(member["baseline_nano"]) for member in self.plain_members])
        gains = had - np.array([int(member["cost_nano"]) for member in members])
        return float(jain(gains[None, :].astype(np.float64))[0])

    def changes(self, name: str) -> dict[str, int]:
        """By member a figure less what it is without limits."""
        pairs = zip(self.members, self.plain_members, strict=True)
        return {member["member"]: int(member[name]) - int(plain[name]) for member, plain in pairs}

    def most(self, name: str, sign: int = 1) -> tuple[str, int]:
        """Whose figure is most above (`sign` 1) or below (-1) what it is without limits, and by how much."""
        changes = {member: sign * change for member, change in self.changes(name).items()}
        member = max(changes, key=lambda name: changes[name])
        return member, changes[member]


def told(rows: Rows, keys: Sequence[Key]) -> list[Told]:
    """Runs that are there together with theirs without limits, in the order of the keys."""
    found = []
    for key in keys:
        plain = (key[0], "none", "pro_rata", "none", key[-1])
        if key in rows and plain in rows:
            found.append(Told(*rows[key], *rows[plain]))
    return found


def chosen(runs: Sequence[Told], clearing: str = "uniform_price", timing: str = "ex_ante") -> list[Told]:
    """Those of a mechanism and a timing."""
    return [run for run in runs if (run.row["clearing"], run.row["timing"]) == (clearing, timing)]


def kwh(energy_wh: int) -> str:
    """Without its unit."""
    return f"{energy_wh / 1000:,.1f}"


def usd(amount_nano: int) -> str:
    """Without its unit."""
    return f"{amount_nano / 1e9:,.2f}"


def percent(share: float) -> str:
    """With a tenth."""
    return f"{100 * share:.1f} %"
