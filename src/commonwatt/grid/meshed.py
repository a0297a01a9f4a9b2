"""Meshed: a power flow on a feeder with loops, by power-grid-model; losses, loadings and voltages of every slot, and one cut for all where it is full."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from commonwatt.core.errors import MissingExtra
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Verdict
from commonwatt.core.registry import parameter
from commonwatt.grid._curtailment import Schedule
from commonwatt.grid._cuts import balanced, cuts_of
from commonwatt.grid._excess import NEAR, Seen, excesses, verdict_of
from commonwatt.grid._pgm import MatrixFlow, matrix_flow
from commonwatt.grid._positions import injections
from commonwatt.grid._sweep import community_losses_wh
from commonwatt.grid.base import GridContext

if TYPE_CHECKING:
    from commonwatt.core.units import Ints
    from commonwatt.grid._feeder import Feeder

_PARTS: Final = 1000
_RULE: Final = "pro_rata"


@dataclass(frozen=True)
class Meshed:
    """A power flow on a feeder that may have loops (extra `grid`); before delivery all trades are cut alike where it is too full, after it an excess is reported.

    Where there are loops nobody is behind a line: every member has a part in every current. So all trades keep the same part, the most
    thousandths with which every limit is kept, rounded down to whole Wh, and the pool sells no more than it buys. Where no trade at all
    helps neither, the slot is infeasible. The market knows nothing of the lines: those of a mechanism are a tree.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"feeder"})
    breaks: ClassVar[frozenset[str]] = frozenset()
    may_loop: ClassVar[bool] = True
    """A feeder of this model may have several ways to a bus."""
    package: ClassVar[tuple[str, str]] = ("power_grid_model", "grid")
    """What it needs beside the base installation, and the extra that brings it."""

    power_factor: float = parameter(
        0.95, doc="of what members draw; what they export has none but real power", low=0.5, high=1.0
    )
    rating_share: float = parameter(
        1.0, doc="part of the ratings of lines and transformer that may be used", low=0.01, high=2.0
    )

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Feasible; or curtailed, with the Wh cut of each trade; or infeasible, with the reason: delivered, or no cut of trades helps.

        Raises:
            MissingExtra: power-grid-model is not installed.

        """
        feeder = context.feeder
        if feeder is None:
            return GridVerdict(Verdict.UNCHECKED, reason="no feeder")
        # One column more: the feeder without the community, whose losses are not the community's.
        flow = self._flow(np.column_stack([net_wh, np.zeros_like(net_wh)]), feeder, context)
        spared_w = float(flow.losses_w[1]) if feeder.loads else 0.0
        seen = _seen(feeder, flow)
        found = excesses(feeder, seen, self.rating_share)
        said = verdict_of(seen, found, int(community_losses_wh(flow.losses_w, spared_w, context.slot_s)[0]))
        if not found or context.is_delivered:
            return said
        left = self._left_wh(feeder, Schedule.of(net_wh, book, agreement), context)
        cuts = () if left is None else cuts_of(agreement.trades, left)
        if not cuts:
            return said
        causes = ((found[0].name, found[0].words),) * len(cuts)
        return replace(said, verdict=Verdict.CURTAILED, curtailed_wh=cuts, causes=causes, rule=_RULE)

    def _flow(self, net_wh: Ints, feeder: Feeder, context: GridContext) -> MatrixFlow:
        """What flows at these positions, Wh, shape (members, columns)."""
        tangent = math.tan(math.acos(self.power_factor))
        power = injections(net_wh, context.bus, len(feeder.buses), context.slot_s, tangent)
        try:
            return matrix_flow(feeder, *power)
        except ModuleNotFoundError as error:
            told = "grid meshed: expected the package power-grid-model (pip install 'commonwatt[grid]'), was not there"
            raise MissingExtra(told) from error

    def _left_wh(self, feeder: Feeder, schedule: Schedule, context: GridContext) -> Ints | None:
        """The energy of each trade with which every limit is kept; None where it is not without any trade either."""
        trades = schedule.trades
        parts = np.arange(_PARTS - 1, -1, -1)
        left = trades.energy_wh[:, None] * parts // _PARTS
        left = np.stack([balanced(column, trades) for column in left.T], axis=1)
        flow = self._flow(schedule.positions(left), feeder, context)
        is_full = (flow.loading_share / self.rating_share > 1 + NEAR).any(axis=0)
        voltage = flow.voltage_share
        is_out = (voltage > feeder.voltage_high_share + NEAR) | (voltage < feeder.voltage_low_share - NEAR)
        holds = np.flatnonzero(flow.is_solved & ~is_full & ~is_out.any(axis=0))
        return left[:, holds[0]] if len(holds) else None


def _seen(feeder: Feeder, flow: MatrixFlow) -> Seen | None:
    """The first column; None where it has no solution."""
    if not flow.is_solved[0]:
        return None
    return Seen(
        np.append(0.0, flow.loading_share[:, 0]),
        np.append(1.0, flow.voltage_share[:, 0]),
        ("", "transformer", *(branch.id for branch in feeder.branches)),
        ("source", *(bus.id for bus in feeder.buses)),
    )
