"""Radial: a power flow on the community's feeder; losses, loadings and voltages of every slot, and cuts where it is full."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NO_ENVELOPE, Agreement, Envelope, GridVerdict, Verdict, Wires
from commonwatt.core.registry import parameter
from commonwatt.core.units import ENERGY_LIMIT_WH, Ints, parts_per_million
from commonwatt.grid._allocation import Limits, envelope, envelope_faults, fixed
from commonwatt.grid._curtailment import CURTAILMENTS, Curtailing, Cut, Schedule
from commonwatt.grid._excess import Seen, excesses, verdict_of
from commonwatt.grid._feeder import Feeder
from commonwatt.grid._fees import FEES, FeeTerms, fee_findings, line_fees
from commonwatt.grid._positions import injections
from commonwatt.grid._sensitivities import REFERENCE_LOADING
from commonwatt.grid._sweep import PowerFlow, power_flow
from commonwatt.grid._wires import flows_wh, tightened, wires_of_feeder
from commonwatt.grid.base import Expected, GridContext


@dataclass(frozen=True)
class Radial:
    """A power flow on a radial feeder; before delivery trades are cut by a written rule where it is too full, after it an excess is reported.

    What is judged before delivery is the schedule: what members sold less what they bought, and what else of their orders is firm. While a
    limit is passed by it:

    1. The fullest line (or the transformer) that carries more than it may comes first; without one, the bus whose voltage is furthest out.
    2. Trades that push it there give: across a line in the direction in which it carries too much; for a voltage, those whose buyer and
       seller move it that way by their parts of the way to that bus, linearised. Of the pool those sales that push more than its mean, with
       as much of the purchases that push less. Where that is not enough (reactive power alone fills a line) all give that move it at all.
    3. `curtailment` says in which order. They give the fewest Wh with which that limit is kept; what they give is taken from both sides.

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
    curtailment: str = parameter(
        "pro_rata",
        doc="which trades are cut first where the schedule passes a limit: all that push it alike, those made last, or those with the least between bid and ask per Wh of relief",
        choices=tuple(CURTAILMENTS),
    )
    rounds: int = parameter(
        4,
        doc="how often a market at a gate is cleared again within tighter limits where a power flow finds its schedule beyond one",
        low=0,
        high=20,
    )
    loss_loading_share: float = parameter(
        REFERENCE_LOADING,
        doc="loading at which a mechanism that weighs losses is told the loss factors of lines; the summary says at which they would have been right",
        low=0.0,
        high=2.0,
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
    allocation: str = parameter(
        "none",
        doc="how connection capacity is allotted before delivery: `none`, not at all; `fixed`, the same most that everybody could do at once; `envelope`, in every slot by what is expected of it",
        choices=("none", "fixed", "envelope"),
    )
    counted_load_share: float = parameter(
        0.0,
        doc="part of the forecast load of members without panels or storage that an `envelope` counts on to be there; 0: the limits hold whatever they draw",
        low=0.0,
        high=1.0,
    )

    def wires(self, context: GridContext) -> Wires | None:
        """The real energy that each line carries at nominal voltage and `power_factor`, whole Wh, rounded down, and its fee; None where the market is to know of none."""
        feeder, is_limited = context.feeder, self.limits == "market"
        if feeder is None or not (is_limited or self.fee != "none"):
            return None
        carried = wires_of_feeder(
            feeder, self.rating_share * self.power_factor, context.slot_s, self.loss_loading_share
        )
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

    def again(self, wires: Wires, net_wh: Ints, context: GridContext) -> Wires | None:
        """Tighter limits for a market whose schedule, by a power flow, passes one: of losses, reactive power and voltages its lines know nothing. None where it passes none."""
        feeder = context.feeder
        if feeder is None or self.limits != "market":
            return None
        seen = Seen.of(feeder, self.flow(net_wh[:, None], context))
        found = excesses(feeder, seen, self.rating_share)
        return tightened(wires, feeder, found, flows_wh(feeder, net_wh, context.bus)) if found else None

    @property
    def allots(self) -> str:
        """By which rule connection capacity is allotted."""
        return self.allocation

    def allot(self, expected: Expected, context: GridContext) -> Envelope:
        """What each member may send out and take in; no rows where nothing is allotted."""
        limits = self._bounds(context)
        if limits is None or self.allocation == "none":
            return NO_ENVELOPE
        if self.allocation == "fixed":
            return fixed(limits, context)
        return envelope(limits, expected, context, parts_per_million(self.counted_load_share))

    def envelope_faults(self, allotted: Envelope, context: GridContext) -> list[str]:
        """Why published caps are not this rule's; of `envelope` whether the feeder carries them all at once, by the public caps alone."""
        limits = self._bounds(context)
        if limits is None or self.allocation == "none":
            return ["caps although nothing is allotted"] if len(allotted) else []
        if len(allotted) != len(context.bus):
            return [f"caps of {len(allotted)} members, expected {len(context.bus)}"]
        if self.allocation == "envelope":
            counted = ["load counted on"] if not self.counted_load_share and allotted.counted_wh.any() else []
            return counted + envelope_faults(limits, allotted, context)
        again, were = fixed(limits, context).arrays(), allotted.arrays()
        return [
            f"{name} other than what everybody could do at once" for name in again if (again[name] != were[name]).any()
        ]

    def _bounds(self, context: GridContext) -> Limits | None:
        if context.feeder is None:
            return None
        return Limits(context.feeder, tuple(context.bus.tolist()), context.slot_s, self.rating_share, self.power_factor)

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Feasible; or curtailed, with the Wh cut of each trade and why; or infeasible, with the reason: delivered, or no cut of trades helps."""
        feeder = context.feeder
        if feeder is None:
            return GridVerdict(Verdict.UNCHECKED, reason="no feeder")
        flow = self.flow(net_wh[:, None], context)
        seen = Seen.of(feeder, flow)
        found = excesses(feeder, seen, self.rating_share)
        said = verdict_of(seen, found, int(flow.losses_wh(context.slot_s)[0]))
        if not found or context.is_delivered or (self.limits == "none" and seen is None):
            return said
        if self.limits == "none":
            return replace(said, verdict=Verdict.EXCEEDED)
        cuts = Curtailing(
            feeder,
            context.bus,
            Schedule.of(net_wh, book, agreement),
            lambda positions: self.flow(positions, context),
            self.rating_share,
            self._tangent,
            self.curtailment,
        ).cuts()
        return said if cuts is None else _with_cuts(said, cuts, self.curtailment)

    @property
    def _tangent(self) -> float:
        """Reactive power that members draw per real power that they draw."""
        return math.tan(math.acos(self.power_factor))

    def flow(self, net_wh: Ints, context: GridContext) -> PowerFlow:
        """What flows at these positions, Wh, shape (members, columns), on the feeder that the context must have."""
        feeder = context.feeder
        if feeder is None:
            raise ValueError("expected a feeder, was none")
        return power_flow(feeder, *injections(net_wh, context.bus, len(feeder.buses), context.slot_s, self._tangent))


def _with_cuts(said: GridVerdict, cuts: tuple[Cut, ...], rule: str) -> GridVerdict:
    return replace(
        said,
        verdict=Verdict.CURTAILED,
        curtailed_wh=tuple((row, wh) for row, wh, _, _ in cuts),
        causes=tuple((name, why) for _, _, name, why in cuts),
        rule=rule,
    )
