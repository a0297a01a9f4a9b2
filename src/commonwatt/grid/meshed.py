"""Meshed: a power flow on a feeder with loops, by power-grid-model; losses, loadings and voltages of every slot, and one cut for all where it is full."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.errors import MissingExtra
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Extremes, GridVerdict, Verdict
from commonwatt.core.registry import parameter
from commonwatt.core.units import SECONDS_PER_HOUR, Ints, whole_wh
from commonwatt.grid._curtailment import Schedule
from commonwatt.grid._cuts import balanced, cuts_of
from commonwatt.grid._excess import NEAR, NO_SOLUTION, published_ppm
from commonwatt.grid._feeder import Feeder
from commonwatt.grid._pgm import MatrixFlow, matrix_flow
from commonwatt.grid.base import GridContext

_PARTS: Final = 1000
_NAMED: Final = 5
"""Places that a reason names; the rest are counted."""
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
        places, words = self._passed(feeder, flow)
        spared_w = float(flow.losses_w[1]) if feeder.loads else 0.0
        lost_w = max(float(flow.losses_w[0]) - spared_w, 0.0)
        said = GridVerdict(
            Verdict.INFEASIBLE if words else Verdict.FEASIBLE,
            losses_wh=int(whole_wh(np.array([lost_w * (context.slot_s / SECONDS_PER_HOUR)]))[0]),
            reason="; ".join(words[:_NAMED]) + (f"; and {len(words) - _NAMED} more" if len(words) > _NAMED else ""),
            extremes=_extremes(feeder, flow),
            lines_beyond=sum(place not in feeder.places for place in places) if flow.is_solved[0] else 0,
            buses_beyond=sum(place in feeder.places for place in places),
        )
        if not words or context.is_delivered:
            return said
        left = self._left_wh(feeder, Schedule.of(net_wh, book, agreement), context)
        cuts = () if left is None else cuts_of(agreement.trades, left)
        if not cuts:
            return said
        causes = ((places[0], words[0]),) * len(cuts)
        return replace(said, verdict=Verdict.CURTAILED, curtailed_wh=cuts, causes=causes, rule=_RULE)

    def _flow(self, net_wh: Ints, feeder: Feeder, context: GridContext) -> MatrixFlow:
        """What flows at these positions, Wh, shape (members, columns)."""
        net_w = net_wh * (SECONDS_PER_HOUR / context.slot_s)
        injected = np.zeros((len(feeder.buses), net_wh.shape[1]))
        reactive = np.zeros_like(injected)
        np.add.at(injected, context.bus, net_w)
        np.add.at(reactive, context.bus, np.minimum(net_w, 0) * math.tan(math.acos(self.power_factor)))
        try:
            return matrix_flow(feeder, injected, reactive)
        except ModuleNotFoundError as error:
            told = "grid meshed: expected the package power-grid-model (pip install 'commonwatt[grid]'), was not there"
            raise MissingExtra(told) from error

    def _passed(self, feeder: Feeder, flow: MatrixFlow) -> tuple[list[str], list[str]]:
        """Places where a limit is passed in the first column, and that in words: the fullest branch first, then the bus that is furthest out."""
        if not flow.is_solved[0]:
            return ["feeder"], [NO_SOLUTION]
        names = _branch_names(feeder)
        loading, voltage = flow.loading_share[:, 0] / self.rating_share, flow.voltage_share[:, 0]
        full = [int(at) for at in np.argsort(-loading, kind="stable") if loading[at] > 1 + NEAR]
        off = np.maximum(voltage - feeder.voltage_high_share, feeder.voltage_low_share - voltage)
        out = [int(at) for at in np.argsort(-off, kind="stable") if off[at] > NEAR]
        places = [*(names[at] for at in full), *(feeder.buses[at].id for at in out)]
        words = [f"{names[at]} at {round(100 * loading[at])} % of what it may carry" for at in full]
        words += [f"{feeder.buses[at].id} at {100 * voltage[at]:.1f} % of the nominal voltage" for at in out]
        return places, words

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


def _branch_names(feeder: Feeder) -> list[str]:
    return ["transformer", *(branch.id for branch in feeder.branches)]


def _extremes(feeder: Feeder, flow: MatrixFlow) -> Extremes:
    """Of the first column; nothing where it has no solution."""
    if not flow.is_solved[0]:
        return Extremes()
    loading, voltage = flow.loading_share[:, 0], flow.voltage_share[:, 0]
    full, low, high = int(np.argmax(loading)), int(np.argmin(voltage)), int(np.argmax(voltage))
    ppm = [published_ppm(float(share)) for share in (loading[full], voltage[low], voltage[high])]
    return Extremes(_branch_names(feeder)[full], ppm[0], feeder.buses[low].id, ppm[1], feeder.buses[high].id, ppm[2])
