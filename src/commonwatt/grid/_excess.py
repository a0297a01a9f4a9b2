"""What a power flow says of one slot: limits that are passed, the fullest branch and the extremes of voltage, and the verdict on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.records import Extremes, GridVerdict, Verdict

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats
    from commonwatt.grid._feeder import Feeder
    from commonwatt.grid._sweep import PowerFlow

NEAR: Final = 1e-6
"""By so much a limit may be passed before it counts: more than the sweep's own error, less than anybody measures."""
_NAMED: Final = 5
"""Places that a reason names; the rest are counted."""
_MOST_PPM: Final = 2**40
"""What a published share is at most: a rating may be next to nothing, and a table still holds the figure."""
NO_SOLUTION: Final = "no power flow: more is asked of the feeder than it can bring"


@dataclass(frozen=True)
class Excess:
    """One limit that is passed."""

    node: int
    """Number of the bus or of the branch (on a tree that above the node); 0 where nothing is solved."""
    side: int
    """1 a voltage above its limit, -1 one below; 0 a branch."""
    over: float
    """A branch: its loading, of what it may carry. A bus: by how much its voltage is out, of the nominal one."""
    name: str
    """Of the line, the transformer or the bus."""
    words: str

    def kept(self, feeder: Feeder, flow: PowerFlow, rating_share: float) -> Flags:
        """In which columns of a flow on a tree this limit is kept."""
        if self.node == 0:
            return flow.is_solved
        voltage = flow.voltage_share[self.node]
        if self.side > 0:
            within: Flags = voltage <= feeder.voltage_high_share + NEAR
        elif self.side < 0:
            within = voltage >= feeder.voltage_low_share - NEAR
        else:
            within = flow.loading_share[self.node] / rating_share <= 1 + NEAR
        return flow.is_solved & within


@dataclass(frozen=True)
class Seen:
    """One slot that has a power flow, by number of branch and of bus; number 0 is none, 1 the transformer and, on a tree, the bus behind it."""

    loading_share: Floats
    """Of what each branch carries, shape (branches + 1,)."""
    voltage_share: Floats
    """Of each bus's nominal one, shape (buses + 1,)."""
    names: tuple[str, ...]
    """Of the branches."""
    bus_names: tuple[str, ...]

    @classmethod
    def of(cls, feeder: Feeder, flow: PowerFlow) -> Seen | None:
        """The first column of a flow on a tree; None where it has no solution."""
        if not flow.is_solved[0]:
            return None
        return cls(flow.loading_share[:, 0], flow.voltage_share[:, 0], feeder.tree.names, feeder.tree.bus_names)

    def excesses(self, feeder: Feeder, rating_share: float) -> list[Excess]:
        """What passes a limit: the fullest branch first, then the bus that is furthest out."""
        loading, voltage, found = self.loading_share / rating_share, self.voltage_share, []
        for node in (int(n) for n in np.argsort(-loading, kind="stable") if loading[n] > 1 + NEAR):
            words = f"{self.names[node]} at {round(100 * loading[node])} % of what it may carry"
            found.append(Excess(node, 0, float(loading[node]), self.names[node], words))
        off = np.maximum(voltage - feeder.voltage_high_share, feeder.voltage_low_share - voltage)
        off[0] = 0.0
        for node in (int(n) for n in np.argsort(-off, kind="stable") if off[n] > NEAR):
            words = f"{self.bus_names[node]} at {100 * voltage[node]:.1f} % of the nominal voltage"
            side = 1 if voltage[node] > 1 else -1
            found.append(Excess(node, side, float(off[node]), self.bus_names[node], words))
        return found

    def extremes(self) -> Extremes:
        """The fullest branch, the lowest and the highest voltage, parts per million."""
        loading, voltage = self.loading_share[1:], self.voltage_share[1:]
        full, low, high = int(np.argmax(loading)), int(np.argmin(voltage)), int(np.argmax(voltage))
        return Extremes(
            self.names[full + 1],
            _published_ppm(loading[full]),
            self.bus_names[low + 1],
            _published_ppm(voltage[low]),
            self.bus_names[high + 1],
            _published_ppm(voltage[high]),
        )


def excesses(feeder: Feeder, seen: Seen | None, rating_share: float) -> list[Excess]:
    """What passes a limit; where nothing is solved, that."""
    return [Excess(0, 0, 0.0, "feeder", NO_SOLUTION)] if seen is None else seen.excesses(feeder, rating_share)


def verdict_of(seen: Seen | None, found: list[Excess], losses_wh: int) -> GridVerdict:
    """Feasible where nothing was found, else infeasible with the reason: the first few limits by name."""
    words = [excess.words for excess in found]
    return GridVerdict(
        Verdict.INFEASIBLE if found else Verdict.FEASIBLE,
        losses_wh=losses_wh,
        reason="; ".join(words[:_NAMED]) + (f"; and {len(words) - _NAMED} more" if len(words) > _NAMED else ""),
        extremes=Extremes() if seen is None else seen.extremes(),
        lines_beyond=sum(not excess.side for excess in found if excess.node),
        buses_beyond=sum(excess.side != 0 for excess in found),
    )


def _published_ppm(share: float) -> int:
    """A share in whole millionths, halves up, at most 2**40."""
    return min(math.floor(share * 10**6 + 0.5), _MOST_PPM)
