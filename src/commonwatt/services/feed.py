"""Where metered data come from: the protocol of feeds, and what they give."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.columns import Columns
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class Metered(Columns):
    """What the meters and inverters of all members say for one slot, one row a member; Wh."""

    load_wh: Ints
    pv_wh: Ints
    quality: Ints
    """`core.records.Quality`: measured, or substituted where the meter was silent."""


@dataclass(frozen=True)
class LateReading:
    """A reading that arrives after its slot was settled on a substitute, or corrects one."""

    slot: int
    member: int
    load_wh: int
    pv_wh: int


class Feed(Protocol):
    """Where metered data come from. Promises: every slot of `slots` has one row a member; never looks ahead of the slot asked for."""

    def slots(self) -> range:
        """The slots for which there are data."""
        ...

    def metered(self, slot: int) -> Metered:
        """Load and PV of a slot."""
        ...

    def arrived(self, slot: int) -> tuple[LateReading, ...]:
        """Late readings that become known in `slot`, for earlier slots, in order of slot and member."""
        ...
