"""What a suite is made of: jobs, each a piece of work of some size, the figures read off it and the check of its answer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from commonwatt.benchmarks.yardstick import YARDSTICK, yardstick
from commonwatt.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwatt.core.findings import Finding

Unit = Literal["ratio", "CPU-s", "s", "ms", "/s", "tx/s", "trades/s", "steps/s", "gas", "MB", "share"]
RATE_UNITS: Final = frozenset({"/s", "tx/s", "trades/s", "steps/s"})
"""Units of which more is better: size of the job over its wall time."""


class Trial:
    """A job's work at one size, with its inputs made; a subclass says what is timed."""

    reference_name: str = YARDSTICK
    """What stands beside it in the same run."""
    times: int = 1
    """How often one run does the work; what is reported is one of them."""

    def fresh(self) -> AbstractContextManager[Any]:
        """What one run needs anew (a folder, an open journal), outside the clock; `run` is given what it yields."""
        return nullcontext()

    def run(self, ready: Any) -> Any:
        """The work under the clock."""
        raise NotImplementedError

    def findings(self, ready: Any, result: Any) -> list[Finding]:
        """What is wrong with the answer, by means that share no code with it; a wrong answer is not reported."""
        raise NotImplementedError

    def reference(self) -> object:
        """The work of the reference, under the clock of its own."""
        return yardstick()

    def close(self) -> None:
        """Put away what was made for all runs."""

    def figure(self, name: str) -> float:
        """A figure that is no time and no memory (gas, a share), of the last run."""
        raise NotImplementedError(name)


@dataclass(frozen=True)
class Figure:
    """One row of the results: what is read off a job's runs."""

    job: str
    """Name of the row: `uniform-1e6`."""
    unit: Unit
    limit: float | None = None
    """None: reported only."""
    quoted: str = ""
    """Figures of others that cannot run beside ours, as published."""
    note: str = ""
    """What a reader must know of this row."""


@dataclass(frozen=True)
class Job:
    """Work of one size."""

    figures: tuple[Figure, ...]
    size: int
    trial: Callable[[int], Trial]
    """Makes the inputs for a size."""
    runs: int = 7
    growth_sizes: tuple[int, ...] = ()
    """Smaller sizes at which the time is taken, too, for the exponent of its growth."""
    is_warm: bool = True
    """A first run before the clock; without it the first run is the measured one."""
    is_long: bool = False
    """Takes minutes; run only when asked for everything."""

    @property
    def name(self) -> str:
        """Name of its first figure."""
        return self.figures[0].job


class Suite(Protocol):
    """A file of `benchmarks/suites`; the class is named after the file, a dataclass as every answer."""

    def jobs(self, scale: float) -> list[Job]:
        """The jobs, each at `scale` (0 < scale <= 1) of its size.

        A job below its full size carries another name (`uniform-1e4`) and no limit, so that no row says more than was done.
        """
        ...


SUITES = Registry[Suite]("benchmarks.suites")


def count_name(count: int) -> str:
    """A size as part of a name: 1000000 -> `1e6`, 35040 -> `35040`."""
    digits = str(count)
    zeros = len(digits) - 1
    return f"1e{zeros}" if zeros >= 3 and digits == "1" + "0" * zeros else digits
