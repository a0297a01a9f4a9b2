"""Matching: orders on a radial feeder with line limits, at nodal prices beside a programme over pairs, and place by place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from commonwatt.benchmarks.base import Figure, Job, Trial, count_name
from commonwatt.benchmarks.feeder import BUSES, Feeder, PairProgramme, feeder_findings
from commonwatt.benchmarks.zones import charging, place_by_place, zone_findings
from commonwatt.clearing import clear_on_lines
from commonwatt.clearing.base import CLEARINGS, HasDuals

if TYPE_CHECKING:
    from commonwatt.core.findings import Finding
    from commonwatt.core.records import Agreement

MECHANISM: Final = "multi_criteria"
MOST_OF_PAIRS: Final = 200
"""Offers, and bids, of the largest programme over pairs that is solved beside a job."""
QUOTED: Final = "the specification's prototypes: pairwise HiGHS 467 ms at 200x200, a compiled min-cost flow on a feeder's tree 0.11 / 1.9 / 26 ms"
ORDERS_A_RUN: Final = 2_000
"""Small books are cleared slot after slot until so many orders had their turn: one millisecond alone is too short to take."""
MOST_SLOTS: Final = 20
OF_NO_LINES: Final = "uniform_price"
ZONE_ORDERS: Final = 10_000
SIZES: Final = ((50, 60, 1.0), (1000, 1000, 10.0), (5000, 5000, 60.0))
"""Offers, bids, and the limit in ms."""


class MatchingTrial(Trial):
    """Books on a feeder of which lines are full, beside a linear programme over the pairs of a book of at most 200 x 200."""

    def __init__(self, sell_share: float, orders: int) -> None:
        sells = max(1, round(orders * sell_share))
        first = Feeder.drawn(sells, max(1, orders - sells))
        self.times = min(max(1, ORDERS_A_RUN // orders), MOST_SLOTS)
        self.feeders = [first.later(slot) for slot in range(self.times)]
        self.mechanism = CLEARINGS.make(MECHANISM, price="nodal")
        self.context = first.context()
        self.beside = min(sells, MOST_OF_PAIRS), min(max(1, orders - sells), MOST_OF_PAIRS)
        self.reference_name = f"pairwise LP (HiGHS) {self.beside[0]}x{self.beside[1]}"

    @cached_property
    def programme(self) -> PairProgramme:
        """The reference, set up when the answer is first checked: after the memory of ours was read, before the clock of its own."""
        return PairProgramme(Feeder.drawn(*self.beside))

    def run(self, ready: Any) -> list[Agreement]:  # noqa: ARG002
        """Clear each slot, with every pair and its price."""
        return [self.mechanism.clear(feeder.book, self.context) for feeder in self.feeders]

    def reference(self) -> object:
        """Solve the programme over pairs."""
        return self.programme.welfare_nano()

    def findings(self, ready: Any, result: list[Agreement]) -> list[Finding]:  # noqa: ARG002
        """Promises, welfare, lines and prices against HiGHS and plain Python; and whether both programmes of HiGHS agree."""
        assert isinstance(self.mechanism, HasDuals)
        found = self.programme.findings()
        for feeder, agreement in zip(self.feeders, result, strict=True):
            price = self.mechanism.duals(feeder.book, self.context).bus_micro_per_kwh
            assert price is not None
            found += feeder_findings(feeder, agreement, price)
        return found


class ZonesTrial(Trial):
    """A book of a mechanism that knows no lines, place by place; beside it the same rule in plain Python, order by order."""

    reference_name = "place by place, plain Python"

    def __init__(self, orders: int) -> None:
        self.feeder = charging(Feeder.drawn(orders // 2, orders - orders // 2))
        self.mechanism, self.context = CLEARINGS.make(OF_NO_LINES), self.feeder.context()

    def run(self, ready: Any) -> Agreement:  # noqa: ARG002
        """From the ends of the feeder to its root."""
        return clear_on_lines(self.mechanism, self.feeder.book, self.context)

    def reference(self) -> object:
        """Volume and welfare alone."""
        return place_by_place(self.feeder)

    def findings(self, ready: Any, result: Agreement) -> list[Finding]:  # noqa: ARG002
        """Every line, fee and limit, and the volume and welfare of the reference."""
        return zone_findings(self.feeder, result)


@dataclass(frozen=True)
class Matching:
    """Three sizes of a book on one feeder with one mechanism that takes lines, and one with any other."""

    def jobs(self, scale: float) -> list[Job]:
        """One job a size, then the market of many places."""
        orders = max(2, round(ZONE_ORDERS * scale))
        note = f"{OF_NO_LINES} on a feeder of {BUSES} buses, cleared at each of them: every line has a fee, a fifth of them is full"
        figure = Figure(f"place-by-place-{count_name(orders)}", "ms", note=note)
        smaller = tuple(n for n in (orders // 100, orders // 10) if n >= 100)
        places = Job((figure,), orders, ZonesTrial, runs=7, growth_sizes=smaller)
        return [*(self._job(*size, scale) for size in SIZES), places]

    def _job(self, sells: int, buys: int, limit: float, scale: float) -> Job:
        offers, bids = max(1, round(sells * scale)), max(1, round(buys * scale))
        orders, is_whole = offers + bids, (offers, bids) == (sells, buys)
        note = f"a feeder of {BUSES} buses; the programme beside it is over pairs of a book of that size, set up before"
        figure = Figure(f"line-limits-{offers}x{bids}", "ms", limit if is_whole else None, QUOTED, note)
        smaller = tuple(n for n in (orders // 100, orders // 10) if n >= 100)
        return Job((figure,), orders, partial(MatchingTrial, offers / orders), runs=15, growth_sizes=smaller)
