"""The two registers of every member's meter for one slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from commonwatt.core.errors import BrokenPromise
from commonwatt.core.records import Readings
from commonwatt.core.units import Ints
from commonwatt.settlement.base import SettlementContext


@dataclass(frozen=True)
class Registers:
    """Wh per member, arrays of shape (members,)."""

    export_wh: Ints
    import_wh: Ints

    @property
    def net_wh(self) -> Ints:
        """Export - import: out to the community or grid is positive."""
        return self.export_wh - self.import_wh

    @classmethod
    def of(cls, readings: Readings, context: SettlementContext) -> Registers:
        """The registers of a slot.

        Raises:
            BrokenPromise: not one row a member in order of index.

        """
        if not np.array_equal(readings.member, np.arange(context.members)):
            raise BrokenPromise(
                f"expected one reading of each of {context.members} members in order, was {readings.member.tolist()}"
            )
        return cls(readings.export_wh, readings.import_wh)

    def require_cover(self, sold_wh: Ints, bought_wh: Ints) -> None:
        """Timing `ex_post`: what was traded was metered before.

        Raises:
            BrokenPromise: a member traded more than its register shows.

        """
        over = np.flatnonzero((sold_wh > self.export_wh) | (bought_wh > self.import_wh))
        if len(over):
            raise BrokenPromise(
                f"expected trades within what was metered (ex_post), was more for members {over[:5].tolist()}"
            )
