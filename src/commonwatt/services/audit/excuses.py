"""Audit of excuses: slots that failed, trades that the grid cut, orders that were refused; each has to have had its reason."""

from collections.abc import Iterator, Sequence

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings, balances_nano
from commonwatt.core.findings import Finding
from commonwatt.core.orders import SETTLE_TRADES
from commonwatt.core.records import NO_EXCHANGE, WITH_OTHERS, Agreement, Exchange, Reason, Trades, Verdict
from commonwatt.core.units import Ints
from commonwatt.services.audit.base import EXPIRE_CALL, VOID_CALL, Check, met_again
from commonwatt.services.audit.chain import settlement_calls
from commonwatt.services.audit.drawn import drawn_again
from commonwatt.services.audit.entries import Claimed
from commonwatt.services.audit.instructions import signed_orders, taken_back
from commonwatt.services.audit.pools import rewards_before
from commonwatt.services.audit.wires import verdict_again
from commonwatt.services.claims import DemandState
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.pairing import one_price_findings
from commonwatt.services.ports import Batch, Entry, SettleCall, TradesCall
from commonwatt.services.reporting.words import several
from commonwatt.services.rules import EX_ANTE
from commonwatt.services.withdrawing import Announcement, held_back_nano
from commonwatt.venues import Meeting


def check_failures(claimed: Claimed) -> Check:
    """Where a slot is said to have failed, clearing or settlement fails again; where trades were cut, a grid could cut them."""
    audited, public = claimed.audited, claimed.audited.public
    found, judged, unjudged, rewards = [], 0, 0, rewards_before(audited)
    for done, slot in enumerate(public.slots):
        audited.at(done)
        reason = public.orders(slot)[3]
        failed, cut = ((reason == said).any() for said in (Reason.SLOT_FAILED, Reason.CURTAILED))
        if (failed or cut) and slot in audited.slots:
            judged += 1
            unjudged += bool(claimed.may_fail)
            found += _failure_findings(claimed, slot, rewards[slot]) if failed else _cut_findings(claimed, slot)
    verb = "was" if unjudged == 1 else "were"
    said = f"{several(unjudged, 'slot')} failed or {verb} cut, and {claimed.may_fail}"
    why = said if unjudged and not found else ""
    return Check("failed slots and cut trades had a reason", judged, "slots", tuple(found), note=why)


def _cleared(claimed: Claimed, slot: int, exchange: Exchange | None = None) -> Agreement:
    """How a slot's orders meet by the events that its seed draws; what is published of events is nobody's excuse.

    `exchange` None: with what crossed as published. Raises whatever clearing does.
    """
    public, rules = claimed.audited.public, claimed.audited.rules
    again = met_again(public, rules, slot, exchange, drawn_again(public, rules, slot, exchange)).agreement
    own = again.trades.take(again.trades.round != WITH_OTHERS)
    if rules.path == SETTLE_TRADES and one_price_findings(own):
        raise ValueError("two prices in trades that are settled one by one")
    return again


def _clears_alone(claimed: Claimed, slot: int) -> bool:
    """Whether what fails is what crosses to other communities, in a run that has none."""
    if claimed.federation or not claimed.audited.public.exchange(slot).energy_wh:
        return False
    try:
        _cleared(claimed, slot, NO_EXCHANGE)
    except ROOM_FAILURES:
        return False
    return True


def _failure_findings(claimed: Claimed, slot: int, rewards_nano: int) -> list[Finding]:
    rules, public = claimed.audited.rules, claimed.audited.public
    # Only what fell to a demand: a quorum voids when it likes, and would let its own slots fail at will.
    was_void = any((d.slot, d.revision, d.state) == (slot, 0, DemandState.EXPIRED) for d in claimed.audited.demands)
    where = f"orders slot {slot} reason"
    published = public.agreement(slot)[0].trades
    try:
        again = _cleared(claimed, slot)
    except ROOM_FAILURES:
        if _clears_alone(claimed, slot):
            return [
                Finding(where, "a clearing: it fails by an exchange, and the run is in no federation", "slot_failed")
            ]
        return [Finding(where, "no trades of a clearing that fails", f"{len(published)}")] if len(published) else []
    if len(published) and not _within(published, again.trades):
        return [Finding(f"trades slot {slot}", "the trades that were void", "others")]
    if claimed.may_fail or was_void or _grid_fails(claimed, slot, again):
        return []
    try:
        book = public.orders(slot)[0]
        reasons = np.concatenate([again.reason, np.full(len(book) - len(again.reason), int(Reason.BALANCE))])
        errors_mwh, members = claimed.audited.errors.before(slot), len(public.pseudonyms)
        exchange, lost_wh = public.exchange(slot), public.losses_wh(slot)
        context = rules.settlement_context(slot, members, rewards_nano, exchange, errors_mwh, lost_wh)
        rules.settlement.settle(book, Agreement(again.trades, reasons), public.readings(slot, 0), context)
    except ROOM_FAILURES:
        return []
    return [Finding(where, f"{len(again.trades)} trades: clearing and settlement work", "slot_failed")]


def _grid_fails(claimed: Claimed, slot: int, cleared: Agreement) -> bool:
    """Whether the grid's model fails again at the gate, or says again that no cut helps."""
    if claimed.audited.rules.timing != EX_ANTE:
        return False
    try:
        return (
            verdict_again(claimed.audited, slot, Meeting(cleared, np.zeros(0, np.int64))).verdict == Verdict.INFEASIBLE
        )
    except ROOM_FAILURES:
        return True


def _cut_findings(claimed: Claimed, slot: int) -> list[Finding]:
    """That this grid cuts these trades so is the audit of the wires' to say."""
    where = f"orders slot {slot} reason"
    if claimed.audited.rules.timing != EX_ANTE:
        return [Finding(where, "no cut: no grid of this run cuts trades", "curtailed")]
    published = claimed.audited.public.agreement(slot)[0].trades
    if not _within(published, _cleared(claimed, slot).trades):
        return [Finding(f"trades slot {slot}", "the cleared trades, cut or whole", "others, or more energy")]
    return []


def _within(published: Trades, cleared: Trades) -> bool:
    """Whether every published trade is a cleared one, with at most its energy."""
    left = _energy_by_pair(cleared)
    return all(energy <= left.get(pair, 0) for pair, energy in _energy_by_pair(published).items())


def _energy_by_pair(trades: Trades) -> dict[tuple[int, ...], int]:
    pairs: dict[tuple[int, ...], int] = {}
    columns = (
        *(trades.sell_order, trades.buy_order, trades.sell_price_micro_per_kwh, trades.buy_price_micro_per_kwh),
        *(trades.sell_fee_micro_per_kwh, trades.buy_fee_micro_per_kwh),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for pair, energy in zip(rows, trades.energy_wh.tolist(), strict=True):
        pairs[pair] = pairs.get(pair, 0) + energy
    return pairs


class Money:
    """Every account as the vault keeps it, told again from deposits and postings: debits at once, credits after one to two windows."""

    def __init__(self, deposits_nano: Ints, window_s: int) -> None:
        self._window_s = window_s
        self._epoch = 0
        self.free_nano = deposits_nano.copy()
        self._current, self._previous = np.zeros_like(deposits_nano), np.zeros_like(deposits_nano)
        self._undone: set[str] = set()
        self._announced: list[Announcement] = []

    @property
    def covering_nano(self) -> Ints:
        """What is free and not announced to be taken out."""
        return self.free_nano - held_back_nano(self._announced, len(self.free_nano), self._epoch)

    @property
    def pending_nano(self) -> Ints:
        """Credits that are not free yet."""
        return self._current + self._previous

    def pass_to(self, time_s: int) -> None:
        """Let time pass; what matured becomes free."""
        epoch = time_s // self._window_s
        for _ in range(min(epoch - self._epoch, 2)):
            self.free_nano = self.free_nano + self._previous
            self._previous, self._current = self._current, np.zeros_like(self._current)
        self._epoch = epoch

    def pay_in(self, paid_nano: tuple[tuple[int, int], ...]) -> None:
        """Pay into accounts now; free at once."""
        free = self.free_nano.copy()
        for account, nano in paid_nano:
            free[account] += nano
        self.free_nano = free

    def announce(self, announced: tuple[Announcement, ...]) -> None:
        """Hear now what wallets say of withdrawals."""
        self._announced += announced

    def claim(self, entry: Entry, void: dict[str, Batch]) -> None:
        """Move bonds now; where the entry voided a batch of these (by content hash), undo it: the exact inverse."""
        free = self.free_nano.copy()
        for payer, payee, nano in entry.moved_nano:
            free[payer] -= nano
            free[payee] += nano
        for content, batch in void.items():
            is_now = entry.call in (VOID_CALL, EXPIRE_CALL) and batch.voided_s == entry.time_s
            if not is_now or content in self._undone:
                continue
            nets, is_new = _nets(batch, len(free)), batch.posted_s // self._window_s == self._epoch
            free -= np.minimum(nets, 0)
            self._current = self._current - np.maximum(nets, 0) * is_new
            self._previous = self._previous - np.maximum(nets, 0) * (not is_new)
            self._undone.add(content)
        self.free_nano = free

    def post(self, postings: Postings) -> None:
        """Post a batch now."""
        self.post_nets(balances_nano(postings, len(self.free_nano)))

    def post_nets(self, nets: Ints) -> None:
        """Post a batch now, by what it moves into every account."""
        self.free_nano = self.free_nano + np.minimum(nets, 0)
        self._current = self._current + np.maximum(nets, 0)


def _nets(batch: Batch, accounts: int) -> Ints:
    nets = np.zeros(accounts, np.int64)
    np.add.at(nets, batch.lines.who, batch.lines.amount_nano)
    np.subtract.at(nets, batch.lines.other, batch.lines.amount_nano)
    return nets


def check_refusals(claimed: Claimed) -> Check:
    """Who was refused could not pay, by deposits, postings and announced withdrawals up to that gate, or the supplier could not front the slot; who was accepted could."""
    found: list[Finding] = []
    gates = orders = 0
    for entry, money, open_gates in _told_again(claimed):
        slot = entry.receipt.slot
        if entry.call == "open":
            claimed.audited.at(gates)
            gates += 1
            orders += len(claimed.audited.public.orders(slot)[0])
            found += _refusal_findings(claimed, slot, money, open_gates)
    return Check("refused orders could not be paid, accepted ones could", orders, "orders", tuple(found))


def shut_until_paid(claimed: Claimed) -> frozenset[int]:
    """Slots whose gate was shut until somebody paid into the supplier's deposit at their end: traded after delivery, they met the others first."""
    audited = claimed.audited
    supplier = int(Account.SUPPLIER)
    if audited.rules.timing == EX_ANTE or not any(
        account == supplier for e in audited.ledger.entries() if e.call == "deposit" for account, _ in e.paid_nano
    ):
        return frozenset()
    return frozenset(
        audited.rules.slots.slot_of(entry.time_s) - 1
        for entry, money, open_gates in _told_again(claimed)
        if entry.call == "deposit"
        and any(account == supplier for account, _ in entry.paid_nano)
        and _is_shut(claimed, money, open_gates)
    )


def _is_shut(claimed: Claimed, money: Money, open_gates: Sequence[int]) -> bool:
    """Whether the supplier could not front one more slot beside those whose gate is open."""
    free, covering, terms = money.free_nano, money.covering_nano, claimed.terms
    connection_wh = sum(m.connection_w for m in terms.members) * terms.slot_s // 3600
    exposure_nano = connection_wh * terms.price_cap_micro_per_kwh * (len(open_gates) + 1)
    return int(covering[Account.SUPPLIER]) + int(np.minimum(free[FIRST_MEMBER:], 0).sum()) < exposure_nano


def _told_again(claimed: Claimed) -> Iterator[tuple[Entry, Money, list[int]]]:
    """Every opened gate and every payment in, with the accounts just before it and the gates that were open then."""
    entries = list(claimed.audited.ledger.entries())
    money = Money(claimed.audited.founding_nano, claimed.audited.rules.window_s)
    open_gates: list[int] = []
    void = {"0x" + b.content_hash.hex(): b for b in claimed.audited.claimed_batches if b.is_void}
    calls: dict[int, list[TradesCall | SettleCall]] = {}
    for entry in entries:
        receipt, slot = entry.receipt, entry.receipt.slot
        if entry.announced:
            money.pass_to(entry.time_s)
            money.announce(entry.announced)
        if entry.moved_nano or entry.call == VOID_CALL:
            money.pass_to(entry.time_s)
            money.claim(entry, void)
            continue
        if entry.paid_nano:
            money.pass_to(entry.time_s)
            yield entry, money, open_gates
            money.pay_in(entry.paid_nano)
            continue
        if receipt.status != 1 or slot not in claimed.slots:
            continue
        money.pass_to(entry.time_s)
        if entry.call == "open":
            yield entry, money, open_gates
            open_gates.append(slot)
        elif receipt.content_hash in void:
            money.post_nets(_nets(void[receipt.content_hash], len(money.free_nano)))
        elif entry.call in ("settle", "supplied", "trades", "rest"):
            if slot not in calls:
                calls = {slot: settlement_calls(claimed.audited, slot)}
            money.post(_posted(calls[slot], entry))
            if slot in open_gates:
                open_gates.remove(slot)


def _posted(calls: Sequence[TradesCall | SettleCall], entry: Entry) -> Postings:
    """What a posting of the ledger moves, of the calls that the public tables give for its slot."""
    receipt = entry.receipt
    for call in calls:
        is_trades = isinstance(call, TradesCall)
        revision = 0 if isinstance(call, TradesCall) else call.revision
        if (is_trades, revision, call.part) == (entry.call == "trades", receipt.revision, receipt.part):
            return call.postings
    return Postings.empty()


def _refusal_findings(claimed: Claimed, slot: int, money: Money, open_gates: list[int]) -> list[Finding]:
    book, accepted, _, reason = claimed.audited.public.orders(slot)
    free, covering, shut = money.free_nano, money.covering_nano[FIRST_MEMBER:], _is_shut(claimed, money, open_gates)
    rules, members = claimed.audited.rules, len(claimed.audited.public.pseudonyms)
    wanted = rules.most_cost_nano(slot, book, book.energy_wh, members)
    for gate in open_gates:
        earlier = claimed.audited.public.orders(gate)[0]
        fills = claimed.audited.public.agreement(gate)[0].trades.filled_wh(len(earlier))
        wanted += rules.most_cost_nano(gate, earlier, fills, members)
    debt = np.minimum(free[FIRST_MEMBER:], 0)
    in_debt = (debt < 0) & (free[FIRST_MEMBER:] + money.pending_nano[FIRST_MEMBER:] < 0)
    unpayable = (wanted > np.maximum(covering, 0)) | in_debt
    is_signed = signed_orders(claimed.audited.public, slot, rules.path) & ~taken_back(claimed.audited, slot)

    def had(row: int) -> str:
        member = book.member[row]
        return f"{int(covering[member])} nano free, {int(wanted[member])} wanted"

    uncovered = unpayable[book.member[:accepted]] | shut
    where = f"orders slot {slot} row"
    found = [
        Finding(f"{where} {row}", f"refused ({had(row)})", "accepted") for row in np.flatnonzero(uncovered).tolist()
    ]
    for row in range(accepted, len(book)):
        said = Reason(int(reason[row])) if reason[row] >= 0 else None
        excuses: dict[Reason | None, bool] = {
            Reason.GATE_SHUT: shut,
            Reason.BALANCE: bool(unpayable[book.member[row]]),
            Reason.INSTRUCTION: not is_signed[row],
        }
        if not excuses.get(said, said == Reason.SLOT_FAILED and any(excuses.values())):
            reads = said.name.lower() if said is not None else "no reason"
            found.append(Finding(f"{where} {row}", f"accepted ({had(row)})", reads))
    return found
