"""Honest-forecast rewards and penalties, paid from a pool that never goes below zero (He 2025, Eqs. 6-9, corrected)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, Agreement, Leg, Reason
from commonwatt.core.smoothing import NOT_SMOOTHED, smoothed_mwh, tolerated_mwh, whole_wh
from commonwatt.core.splits import ration
from commonwatt.core.units import Flags, Ints, parts_per_million
from commonwatt.settlement._legs import Line, Rewarded
from commonwatt.settlement._trades import energy_by_member

REFUSED = (Reason.BALANCE, Reason.GATE_SHUT, Reason.INSTRUCTION, Reason.SLOT_FAILED, Reason.NO_MARKET)
"""An order with such a reason was never taken: it is no schedule."""


@dataclass(frozen=True)
class Schedule:
    """What members ordered and the market took, filled or not; arrays of shape (members,), Wh. What was withdrawn is no wish any more."""

    sell_wh: Ints
    buy_wh: Ints

    @property
    def net_wh(self) -> Ints:
        """Positive: out to the community."""
        return self.sell_wh - self.buy_wh

    @property
    def stands(self) -> Flags:
        """Members who have a schedule: who ordered nothing forecast nothing, and is supplied by its meter."""
        return (self.sell_wh > 0) | (self.buy_wh > 0)

    @classmethod
    def of(cls, book: OrderBook, agreement: Agreement, members: int) -> Schedule:
        """The orders of a book that were not refused: whole where they stood at the close, else (withdrawn, never come in) what traded of them; so where the grid cut a trade."""
        stood = np.where(
            np.isin(agreement.reason, (*LEFT_OUT, Reason.CURTAILED)),
            agreement.trades.filled_wh(len(book)),
            book.energy_wh,
        )
        taken = np.where(np.isin(agreement.reason, REFUSED), 0, stood)
        return cls(
            energy_by_member(book.member, np.where(book.is_sell, taken, 0), members),
            energy_by_member(book.member, np.where(book.is_sell, 0, taken), members),
        )


@dataclass(frozen=True)
class Scheme:
    """Terms of rewards and penalties."""

    form: str
    """`none`, `proportional` or `band`."""
    beta_micro_per_kwh: int
    gamma_micro_per_kwh: int
    tolerance_share: float
    fee_share: float
    weight_ppm: int = NOT_SMOOTHED
    """Of the newest slot in a member's error."""

    def energies(self, schedule: Schedule, net_wh: Ints, errors_mwh: Ints | None = None) -> tuple[Ints, Ints]:
        """Energy that earns a reward and energy that costs a penalty, per member.

        With e = |ordered - metered| (net), smoothed with the errors before: `proportional`: max(0, |ordered| - e) and e. `band`: within
        e <= tolerance x |ordered| the ordered energy that was metered and none; outside none and e. A penalty is on no more than was
        ordered and metered in the slot, which is as far as a member can tell by itself what it may be charged. Members without a schedule
        have neither.
        """
        ordered, moved = np.abs(schedule.net_wh), np.abs(net_wh)
        before = np.zeros_like(ordered) if errors_mwh is None else errors_mwh
        error_mwh = smoothed_mwh(before, np.abs(schedule.net_wh - net_wh), self.weight_ppm)
        error_wh = whole_wh(error_mwh)
        costing = np.minimum(error_wh, ordered + moved)
        if self.form == "band":
            honest = error_mwh <= tolerated_mwh(ordered, parts_per_million(self.tolerance_share))
            earning = np.where(honest, np.minimum(ordered, moved), 0)
            costing = np.where(honest, 0, costing)
        else:
            earning = np.maximum(ordered - error_wh, 0)
        return np.where(schedule.stands, earning, 0), np.where(schedule.stands, costing, 0)

    def penalty(self, costing_wh: Ints) -> Line:
        """The penalties of a slot."""
        return Line(Leg.PENALTY, costing_wh, self.gamma_micro_per_kwh, -1)

    def rewarded(self, earning_wh: Ints, lines: Sequence[Line], balance_nano: int) -> Rewarded:
        """Rewards of a slot whose fees and penalties are among `lines`; scaled down by largest remainder where the pool is short."""
        sign = {Leg.GRID_FEE: 1, Leg.LOCAL_FEE: 1, Leg.FEE_RELIEF: -1}
        fees = sum(sign.get(line.leg, 0) * line.amount_nano for line in lines)
        share = max(fees, 0) * parts_per_million(self.fee_share) // 1_000_000
        penalties = sum(line.amount_nano for line in lines if line.leg == Leg.PENALTY)
        amounts = ration(earning_wh * self.beta_micro_per_kwh, balance_nano + share + penalties)
        return Rewarded(earning_wh, self.beta_micro_per_kwh, amounts, share)
