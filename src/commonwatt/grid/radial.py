"""Radial: a power flow on the community's feeder; losses, loadings and voltages of every slot, and cuts where it is full."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Extremes, GridVerdict, Trades, Verdict, Wires
from commonwatt.core.registry import parameter
from commonwatt.core.units import ENERGY_LIMIT_WH, SECONDS_PER_HOUR, Flags, Ints
from commonwatt.grid._cuts import POOL, balanced, cuts_of, within_limits
from commonwatt.grid._feeder import Feeder, Tree
from commonwatt.grid._fees import FEES, FeeTerms, fee_findings, line_fees
from commonwatt.grid._sweep import PowerFlow, power_flow
from commonwatt.grid._wires import wires_of_feeder
from commonwatt.grid.base import GridContext

MILLION: Final = 10**6
_NEAR: Final = 1e-6
"""By so much a limit may be passed before it counts: more than the sweep's own error, less than anybody measures."""
_PARTS: Final = 1000
_NAMED: Final = 5
"""Places that a reason names; the rest are counted."""
NO_SOLUTION: Final = "no power flow: more is asked of the feeder than it can bring"


@dataclass(frozen=True)
class Radial:
    """A power flow on a radial feeder; before delivery trades are cut pro rata where it is too full, after it an excess is reported.

    What is cut, while a limit is passed by what was ordered:

    1. The fullest line (or the transformer) that carries more than it may comes first; without one, the bus whose voltage is furthest out.
    2. Who pushes it there gives the same part up, traded or not: behind a line all who export where it carries energy towards the
       transformer, else all who import; for a voltage, all behind the same line out of the transformer's bus who export where it is too
       high, or import where it is too low. The part is the fewest thousandths with which that line or bus keeps its limit; where none
       is enough (reactive power alone fills a line), everybody behind it gives, on both sides.
    3. A member's trades keep the part of their energy that it keeps, in whole Wh by largest remainder, ties to the earlier trade; a trade
       between two members loses the larger of both cuts, and the pool sells no more than it buys.

    A cut takes a trade back; it switches nobody off, and energy that flows anyway is the supplier's.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"feeder"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    power_factor: float = parameter(
        0.95, doc="of what members draw; what they export has none but real power", low=0.5, high=1.0
    )
    rating_share: float = parameter(
        1.0, doc="part of the ratings of lines and transformer that may be used", low=0.01, high=2.0
    )

    limits: str = parameter(
        "market",
        doc="where limits count: nowhere (they are only reported), at the gate (trades are cut), or in the market too (trades are made within them)",
        choices=("none", "verdict", "market"),
    )
    fee: str = parameter(
        "none",
        doc="what a kWh traded pays for its way, each line of it by itself: as much on every line, by its length, by its resistance, or on lines from one zone into another; neighbours without a line between them pay nothing",
        choices=FEES,
    )
    fee_micro_per_kwh: int = parameter(
        0,
        doc="fee of each line crossed (fee = line), or of each that leads into another zone (fee = zone)",
        unit="micro/kWh",
        low=0,
        high=2**31 - 1,
    )
    fee_micro_per_kwh_km: int = parameter(
        0, doc="fee by length (fee = length)", unit="micro/kWh and km", low=0, high=2**31 - 1
    )
    fee_micro_per_kwh_ohm: int = parameter(
        0, doc="fee by resistance of one conductor (fee = resistance)", unit="micro/kWh and ohm", low=0, high=2**31 - 1
    )

    def wires(self, context: GridContext) -> Wires | None:
        """The real energy that each line carries at nominal voltage and `power_factor`, whole Wh, rounded down, and its fee; None where the market is to know of none."""
        feeder, is_limited = context.feeder, self.limits == "market"
        if feeder is None or not (is_limited or self.fee != "none"):
            return None
        carried = wires_of_feeder(feeder, self.rating_share * self.power_factor, context.slot_s)
        limit_wh = carried.limit_wh if is_limited else np.full(len(carried), ENERGY_LIMIT_WH - 1)
        # The last row is ahead of the transformer; what is traded across that pays the tariff's grid fee.
        return carried.replaced(limit_wh=limit_wh, fee_micro_per_kwh=np.append(self.fees_micro_per_kwh(feeder), 0))

    def fees_micro_per_kwh(self, feeder: Feeder) -> Ints:
        """What a kWh pays on the line above each bus, in the order of the feeder's buses, at least 0."""
        return line_fees(feeder, self._fee_terms)

    def fee_findings(self, feeder: Feeder) -> list[Finding]:
        """What makes no sense about its fees on a feeder, by parameter."""
        return fee_findings(feeder, self._fee_terms)

    @property
    def _fee_terms(self) -> FeeTerms:
        return FeeTerms(self.fee, self.fee_micro_per_kwh, self.fee_micro_per_kwh_km, self.fee_micro_per_kwh_ohm)

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Feasible; or curtailed, with the Wh cut of each trade; or infeasible, with the reason: delivered, or no cut of trades helps."""
        feeder = context.feeder
        if feeder is None:
            return GridVerdict(Verdict.UNCHECKED, reason="no feeder")
        flow = self.flow(net_wh[:, None], context)
        excesses = self._excesses(feeder, flow)
        losses_wh, extremes = int(flow.losses_wh(context.slot_s)[0]), _extremes(feeder.tree, flow)
        if not excesses:
            return GridVerdict(Verdict.FEASIBLE, losses_wh, extremes=extremes)
        reason = _listed([words for _, _, words in excesses])
        if not context.is_delivered:
            left = self._left_wh(feeder, net_wh, context)
            if left is not None:
                cuts = _cuts(net_wh, left, book, agreement.trades)
                verdict = Verdict.CURTAILED if cuts else Verdict.FEASIBLE
                return GridVerdict(verdict, losses_wh, cuts, reason, extremes)
        return GridVerdict(Verdict.INFEASIBLE, losses_wh, reason=reason, extremes=extremes)

    def flow(self, net_wh: Ints, context: GridContext) -> PowerFlow:
        """What flows at these positions, Wh, shape (members, columns), on the feeder that the context must have."""
        feeder = context.feeder
        if feeder is None:
            raise ValueError("expected a feeder, was none")
        net_w = net_wh * (SECONDS_PER_HOUR / context.slot_s)
        injected = np.zeros((len(feeder.buses), net_wh.shape[1]))
        reactive = np.zeros_like(injected)
        np.add.at(injected, context.bus, net_w)
        np.add.at(reactive, context.bus, np.minimum(net_w, 0) * math.tan(math.acos(self.power_factor)))
        return power_flow(feeder, injected, reactive)

    def _excesses(self, feeder: Feeder, flow: PowerFlow) -> list[tuple[int, int, str]]:
        """What passes a limit in the first column, the first to be dealt with first: (node, -1 below, 1 above or 0 of a branch, in words)."""
        if not flow.is_solved[0]:
            return [(0, 0, NO_SOLUTION)]
        tree = feeder.tree
        loading, voltage = flow.loading_share[:, 0] / self.rating_share, flow.voltage_share[:, 0]
        full = [int(n) for n in np.argsort(-loading, kind="stable") if loading[n] > 1 + _NEAR]
        found = [(n, 0, f"{tree.names[n]} at {round(100 * loading[n])} % of what it may carry") for n in full]
        off = np.maximum(voltage - feeder.voltage_high_share, feeder.voltage_low_share - voltage)
        off[0] = 0.0
        for node in (int(n) for n in np.argsort(-off, kind="stable") if off[n] > _NEAR):
            side = 1 if voltage[node] > 1 else -1
            words = f"{tree.bus_names[node]} at {100 * voltage[node]:.1f} % of the nominal voltage"
            found.append((node, side, words))
        return found

    def _left_wh(self, feeder: Feeder, net_wh: Ints, context: GridContext) -> Ints | None:
        """The positions with which every limit is kept; None where none are found."""
        left = net_wh
        # Every round settles a branch or a bus for good, or another one that it had hidden.
        for _ in range(4 * len(feeder.tree.toward)):
            excesses = self._excesses(feeder, self.flow(left[:, None], context))
            if not excesses:
                return left
            node, side, _ = excesses[0]
            behind, pushing = _behind(feeder.tree, node, side, left, context.bus)
            for giving in (pushing, behind):
                kept = _kept(left, giving)
                holds = self._holds(feeder, self.flow(kept, context), node, side)
                if holds.any():
                    break
            else:
                return None
            left = kept[:, int(np.argmax(holds))]
        return None

    def _holds(self, feeder: Feeder, flow: PowerFlow, node: int, side: int) -> Flags:
        """In which columns a branch or a bus keeps its limit."""
        if node == 0:
            return flow.is_solved
        voltage = flow.voltage_share[node]
        if side > 0:
            within: Flags = voltage <= feeder.voltage_high_share + _NEAR
        elif side < 0:
            within = voltage >= feeder.voltage_low_share - _NEAR
        else:
            within = flow.loading_share[node] / self.rating_share <= 1 + _NEAR
        return flow.is_solved & within


def _behind(tree: Tree, node: int, side: int, net_wh: Ints, bus: Ints) -> tuple[Flags, Flags]:
    """Which members move a branch or a voltage at all, and which push it over its limit; all do where nothing is solved."""
    if node == 0:
        moving: Flags = net_wh != 0
        return moving, moving
    behind = tree.behind(tree.trunk(node) if side else node)[tree.node[bus]]
    exporting = side > 0 or (not side and int(net_wh[behind].sum()) > 0)
    pushing: Flags = behind & (net_wh > 0 if exporting else net_wh < 0)
    return behind, pushing


def _kept(net_wh: Ints, giving: Flags) -> Ints:
    """Positions of which some members give up 1, 2, ... thousandths, a column each; towards zero on both sides, so that nobody gives less."""
    parts = np.arange(_PARTS - 1, -1, -1)
    kept = np.repeat(net_wh[:, None], _PARTS, axis=1)
    kept[giving] = np.sign(net_wh[giving])[:, None] * (np.abs(net_wh[giving])[:, None] * parts // _PARTS)
    return kept


def _cuts(net_wh: Ints, left_wh: Ints, book: OrderBook, trades: Trades) -> tuple[tuple[int, int], ...]:
    """What is cut of the trades where members keep `left` of `net`."""
    limit_wh = np.zeros(len(net_wh), np.int64)
    sides = (trades.sell_order, trades.buy_order)
    for side in sides:
        real = side != POOL
        np.add.at(limit_wh, book.member[side[real]], trades.energy_wh[real])
    cut = left_wh != net_wh
    limit_wh[cut] = limit_wh[cut] * np.abs(left_wh[cut]) // np.abs(net_wh[cut])
    left = np.minimum(*(within_limits(trades.energy_wh, side, book, limit_wh) for side in sides))
    return cuts_of(trades, balanced(left, trades))


def _extremes(tree: Tree, flow: PowerFlow) -> Extremes:
    """Of the first column; nothing where it has no solution."""
    if not flow.is_solved[0]:
        return Extremes()
    loading, voltage = flow.loading_share[:, 0], flow.voltage_share[1:, 0]
    full, low, high = int(np.argmax(loading)), int(np.argmin(voltage)), int(np.argmax(voltage))
    return Extremes(
        tree.names[full],
        _ppm(loading[full]),
        tree.bus_names[low + 1],
        _ppm(voltage[low]),
        tree.bus_names[high + 1],
        _ppm(voltage[high]),
    )


def _ppm(share: float) -> int:
    return math.floor(share * MILLION + 0.5)


def _listed(words: list[str]) -> str:
    return "; ".join(words[:_NAMED]) + (f"; and {len(words) - _NAMED} more" if len(words) > _NAMED else "")
