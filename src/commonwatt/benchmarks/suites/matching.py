"""Matching: orders on a radial feeder with line limits, at nodal prices, beside a programme over pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from commonwatt.benchmarks.base import Figure, Job, Trial
from commonwatt.benchmarks.feeder import BUSES, Feeder, PairProgramme, feeder_findings
from commonwatt.clearing.base import CLEARINGS, HasDuals

if TYPE_CHECKING:
    from commonwatt.core.findings import Finding
    from commonwatt.core.records import Agreement

MECHANISM: Final = "multi_criteria"
MOST_OF_PAIRS: Final = 200
"""Offers, and bids, of the largest programme over pairs that is solved beside a job."""
QUOTED: Final = "the specification's prototypes: pairwise HiGHS 467 ms at 200x200, a compiled min-cost flow on a feeder's tree 0.11 / 1.9 / 26 ms"
SIZES: Final = ((50, 60, 1.0), (1000, 1000, 10.0), (5000, 5000, 60.0))
"""Offers, bids, and the limit in ms."""


class MatchingTrial(Trial):
    """A book on a feeder of which lines are full, beside a linear programme over the pairs of a book of at most 200 x 200."""

    def __init__(self, sell_share: float, orders: int) -> None:
        sells = max(1, round(orders * sell_share))
        self.feeder = Feeder.drawn(sells, max(1, orders - sells))
        self.mechanism = CLEARINGS.make(MECHANISM, price="nodal")
        self.context = self.feeder.context()
        self.beside = min(sells, MOST_OF_PAIRS), min(max(1, orders - sells), MOST_OF_PAIRS)
        self.reference_name = f"pairwise LP (HiGHS) {self.beside[0]}x{self.beside[1]}"

    @cached_property
    def programme(self) -> PairProgramme:
        """The reference, set up when the answer is first checked: after the memory of ours was read, before the clock of its own."""
        return PairProgramme(Feeder.drawn(*self.beside))

    def run(self, ready: Any) -> Agreement:  # noqa: ARG002
        """Clear, with every pair and its price."""
        return self.mechanism.clear(self.feeder.book, self.context)

    def reference(self) -> object:
        """Solve the programme over pairs."""
        return self.programme.welfare_nano()

    def findings(self, ready: Any, result: Agreement) -> list[Finding]:  # noqa: ARG002
        """Promises, welfare, lines and prices against HiGHS and plain Python; and whether both programmes of HiGHS agree."""
        assert isinstance(self.mechanism, HasDuals)
        price = self.mechanism.duals(self.feeder.book, self.context).bus_micro_per_kwh
        assert price is not None
        return [*feeder_findings(self.feeder, result, price), *self.programme.findings()]


@dataclass(frozen=True)
class Matching:
    """Three sizes of a book on one feeder."""

    def jobs(self, scale: float) -> list[Job]:
        """One job a size."""
        return [self._job(*size, scale) for size in SIZES]

    def _job(self, sells: int, buys: int, limit: float, scale: float) -> Job:
        offers, bids = max(1, round(sells * scale)), max(1, round(buys * scale))
        orders, is_whole = offers + bids, (offers, bids) == (sells, buys)
        note = f"a feeder of {BUSES} buses; the programme beside it is over pairs of a book of that size, ready set up"
        figure = Figure(f"line-limits-{offers}x{bids}", "ms", limit if is_whole else None, QUOTED, note)
        smaller = tuple(n for n in (orders // 100, orders // 10) if n >= 100)
        return Job((figure,), orders, partial(MatchingTrial, offers / orders), runs=15, growth_sizes=smaller)
