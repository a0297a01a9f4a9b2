"""State: what the next half slot needs to know, folded from the journalled halves; a resumed run folds the same halves."""

from dataclasses import dataclass, field

import numpy as np

from commonwatt.core.accounts import Account
from commonwatt.core.orders import Instructions
from commonwatt.core.records import FINAL_DAYS, AssetState, Deviation, History, PriceHistory, Scores, Statement
from commonwatt.core.units import ENERGY_LIMIT_WH, SECONDS_PER_DAY, Ints, exact_sum
from commonwatt.services.claims import Revocation
from commonwatt.services.deviating import SETTLED, deviation_of, errors_after
from commonwatt.services.feed import LateReading
from commonwatt.services.halves import Again, Correction, DeliveryHalf, GateHalf, Trading
from commonwatt.services.instructing import standing_instructions
from commonwatt.services.market import Market
from commonwatt.services.ports import Signed
from commonwatt.services.withdrawing import Announcement

HISTORY_DAYS = 28
"""How far before the first slot the metered past is known to the forecasters."""


@dataclass
class Settled:
    """The newest revision of a slot on the books."""

    revision: int
    content_hash: bytes
    posted_s: int
    """Block time of that revision."""
    first: Statement
    """Revision 0, whose trades stand."""


@dataclass
class State:
    """Everything a half slot reads. Arrays have one row a slot from `first_slot` on, one column a member."""

    first_slot: int
    first_traded: int
    standing: Instructions
    """What members signed for the whole run; empty where they sign every order."""
    final_slots: int
    """How many slots back a reading may still be corrected."""
    load_wh: Ints
    pv_wh: Ints
    storage_wh: Ints
    """Net from storage per slot and member (discharge minus charge)."""
    curtailed_wh: Ints
    """Of `pv_wh` what inverters held back."""
    export_cap_wh: Ints
    """What each member might send out; `ENERGY_LIMIT_WH` where nobody said."""
    traded_wh: Ints
    """What neighbours traded per slot, shape (slots,)."""
    price_micro_per_kwh: Ints
    """What buyers paid for it on average, by energy, rounded down."""
    known: int
    """Slots of history that are settled."""
    assets: AssetState
    scores: Scores
    counters: Ints
    """The last packet counter of each meter; -1 before the first."""
    error_weight_ppm: int
    """Of the newest slot in members' forecast errors."""
    errors_mwh: Ints
    """How far off each member's orders were, smoothed; 0 before the first."""
    rewards_nano: int = 0
    gates: dict[int, GateHalf] = field(default_factory=dict)
    settled: dict[int, Settled] = field(default_factory=dict)
    deviations: dict[int, Deviation] = field(default_factory=dict)
    """By slot how far it was from its orders, of the newest slots."""
    late: list[LateReading] = field(default_factory=list)
    """Arrived, waiting until their slot's settlement is final."""

    unanchored: list[bytes] = field(default_factory=list)
    """Content hashes posted since the last anchor of a period."""

    heard_s: int = 0
    """Time of the last block that others sent; 0 before the first."""
    is_attended: bool = True
    """Whether everything that was heard has been attended to."""
    revocations: tuple[Revocation, ...] = ()
    """What members took back of what they signed, as far as it was heard."""
    announced: tuple[Announcement, ...] = ()
    """What wallets said of withdrawals, as far as it was heard."""
    answered: set[bytes] = field(default_factory=set)
    """Ids of the demands that were answered, or tried to."""

    @classmethod
    def first(cls, market: Market, slots: range) -> "State":
        """The state before the first slot; the past of the feed before it is known."""
        members = len(market.members)
        past = max(market.feed.slots().start, slots.start - HISTORY_DAYS * SECONDS_PER_DAY // market.rules.slots.slot_s)
        first_slot = min(past, slots.start)
        shape = (slots.stop - first_slot, members)
        state = cls(
            first_slot=first_slot,
            first_traded=slots.start,
            standing=standing_instructions(market, slots),
            final_slots=FINAL_DAYS * SECONDS_PER_DAY // market.rules.slots.slot_s,
            load_wh=np.zeros(shape, np.int64),
            pv_wh=np.zeros(shape, np.int64),
            storage_wh=np.zeros(shape, np.int64),
            curtailed_wh=np.zeros(shape, np.int64),
            export_cap_wh=np.full(shape, ENERGY_LIMIT_WH),
            traded_wh=np.zeros(shape[0], np.int64),
            price_micro_per_kwh=np.zeros(shape[0], np.int64),
            known=slots.start - first_slot,
            assets=AssetState.of(
                members, storage_wh=np.array([m.battery_initial_wh for m in market.members], np.int64)
            ),
            scores=market.trust.first(members),
            counters=np.full(members, -1, np.int64),
            error_weight_ppm=market.rules.error_weight_ppm,
            errors_mwh=np.zeros(members, np.int64),
        )
        for slot in range(first_slot, slots.start):
            metered = market.feed.metered(slot)
            state.load_wh[slot - first_slot] = metered.load_wh
            state.pv_wh[slot - first_slot] = metered.pv_wh
        return state

    def history(self, until: int) -> History:
        """What was settled up to and with slot `until`, as views that cannot be written."""
        rows = min(self.known, max(until - self.first_slot + 1, 0))
        load, pv = self.load_wh[:rows], self.pv_wh[:rows]
        load.flags.writeable = pv.flags.writeable = False
        return History(self.first_slot, load, pv)

    def prices(self, slot_s: int) -> PriceHistory:
        """What was traded in the settled slots."""
        energy, price = self.traded_wh[: self.known], self.price_micro_per_kwh[: self.known]
        energy.flags.writeable = price.flags.writeable = False
        return PriceHistory(self.first_slot, slot_s, energy, price)

    def after_gate(self, half: GateHalf) -> None:
        """Fold a finished gate."""
        self.gates[half.slot] = half
        self._fold_anchors(half.calls)

    def after_delivery(self, half: DeliveryHalf, posted_s: int, arrived: tuple[LateReading, ...]) -> None:
        """Fold a finished delivery that was posted at `posted_s`; `arrived` became known in its slot."""
        row = half.slot - self.first_slot
        # What inverters held back could have been there, and may be tomorrow.
        self.load_wh[row], self.pv_wh[row] = half.flows.load_wh, half.flows.pv_wh + half.flows.curtailed_pv_wh
        self.curtailed_wh[row] = half.flows.curtailed_pv_wh
        if len(half.envelope):
            self.export_cap_wh[row] = half.envelope.export_wh
        self.storage_wh[row] = half.flows.discharge_wh - half.flows.charge_wh
        self.known = row + 1
        self.assets, self.scores = half.state, half.scores
        self.counters = np.maximum(self.counters, half.readings.counter)
        trading = half.trading or self.gates[half.slot].trading
        self.deviations[half.slot] = deviation_of(trading.book, trading.accepted, half.readings)
        self.deviations.pop(half.slot - SETTLED, None)
        self.errors_mwh = errors_after(
            self.errors_mwh, trading.book, trading.accepted, half.readings, self.error_weight_ppm
        )
        if not half.failed:
            self._fold_prices(row, trading)
        self.gates.pop(half.slot, None)
        self.rewards_nano += sum(rewards_change_nano(s) for s in half.statements())
        for correction in half.corrections:
            self._fold_correction(correction)
        # After the corrections: a second value for a reading that was corrected in this very slot waits for its own revision.
        self.late += [late for late in arrived if late.slot >= self.first_traded]
        self._fold_anchors(half.calls)
        for call in half.calls:
            if call.kind == "settle" and call.part == 0:
                first = half.statement if call.slot == half.slot else self.settled[call.slot].first
                self.settled[call.slot] = Settled(call.revision, call.content_hash, posted_s, first)
        self.settled.pop(half.slot - self.final_slots, None)

    def after_again(self, again: Again) -> None:
        """Fold a settlement that was void and was posted again."""
        settled = self.settled[again.slot]
        if not again.revision:
            self.rewards_nano += rewards_change_nano(again.statement) - rewards_change_nano(settled.first)
        first = settled.first if again.revision else again.statement
        hashes = [call.content_hash for call in again.calls if call.part == 0]
        content_hash = hashes[0] if hashes else settled.content_hash
        self.settled[again.slot] = Settled(again.revision, content_hash, again.time_s, first)
        if again.void:
            row = again.slot - self.first_slot
            self.traded_wh[row] = self.price_micro_per_kwh[row] = 0
        self._fold_anchors(again.calls)

    def _fold_prices(self, row: int, trading: Trading) -> None:
        trades = trading.agreement.trades
        bought = trades.take(trades.buy_order >= 0)
        energy_wh = exact_sum(bought.energy_wh)
        if energy_wh:
            paid_nano = exact_sum(bought.energy_wh * bought.buy_price_micro_per_kwh)
            self.traded_wh[row], self.price_micro_per_kwh[row] = energy_wh, paid_nano // energy_wh

    def _fold_anchors(self, calls: tuple[Signed, ...]) -> None:
        for call in calls:
            if call.kind == "anchor":
                self.unanchored.clear()
            else:
                self.unanchored.append(call.content_hash)

    def _fold_correction(self, correction: Correction) -> None:
        slot, members = correction.statement.slot, correction.readings.member
        row = slot - self.first_slot
        self.load_wh[row, members], self.pv_wh[row, members] = correction.load_wh, correction.pv_wh
        self.curtailed_wh[row, members] = correction.curtailed_pv_wh
        self.counters[members] = np.maximum(self.counters[members], correction.readings.counter)
        self.late = [late for late in self.late if late.slot != slot or late.member not in members]


def rewards_change_nano(statement: Statement) -> int:
    """What a statement moves into (positive) or out of the `rewards` account."""
    postings = statement.postings
    received = postings.amount_nano[postings.credit == Account.REWARDS].sum()
    return int(received - postings.amount_nano[postings.debit == Account.REWARDS].sum())
