"""The contracts' rules in plain Python: the reference that the market and the vault are compared with.

Told another way than the contracts tell it: credits keep their date instead of being rolled through packed fields, a
batch's nets are summed per account instead of per word. What must come out equal: every revert reason, every content
hash, every balance at every time.
"""

from collections import ChainMap
from collections.abc import MutableMapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np

from commonwatt.adapters.ledger.calls import content_hash
from commonwatt.adapters.ledger.foundation import FINAL_S, community_hash
from commonwatt.adapters.ledger.signed_orders import Fills, RevertedError, SignedOrders, require
from commonwatt.contracts.encoding import BOND, IMBALANCE, SETTLEMENT, TRADES
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings, balances_nano
from commonwatt.core.units import SECONDS_PER_HOUR, Ints, exact_sum
from commonwatt.services.ports import (
    AnchorCall,
    Balances,
    Call,
    ClearCall,
    DepositCall,
    LedgerTerms,
    OpenCall,
    SettleCall,
    TradesCall,
)

MATURE_EPOCHS: Final = 2
"""A credit of epoch e is free from e + 2 on."""

MAX_PARTS: Final = 256
MAX_REVISIONS: Final = 256
OPEN_AHEAD_S: Final = 2 * 86_400
"""No slot is opened earlier before its start."""
_NO_PRIOR: Final = bytes(32)
_HASH_KEPT_BYTES: Final = 24
"""How much of a content hash the market keeps, and so compares."""


_Key = TypeVar("_Key")


@dataclass
class _Money:
    """One account: what is free at once, and credits by the epoch in which they were posted."""

    balance_nano: int = 0
    credits: list[tuple[int, int]] = field(default_factory=list)
    debt_nano: int = 0
    """What it owed when it was last touched: a credit that became free since has not repaid it yet in the vault's sum."""

    def free_nano(self, epoch: int) -> int:
        return self.balance_nano + sum(nano for posted, nano in self.credits if posted + MATURE_EPOCHS <= epoch)

    def pending_nano(self, epoch: int) -> int:
        return sum(nano for posted, nano in self.credits if posted + MATURE_EPOCHS > epoch)

    def pay_in(self, nano: int, epoch: int) -> None:
        """Free at once; what was owed is repaid first, since the balance is signed."""
        self._roll(epoch)
        self.balance_nano += nano
        self.debt_nano = max(-self.balance_nano, 0)

    def move(self, net_nano: int, epoch: int) -> None:
        """Debit at once, credit for later."""
        self._roll(epoch)
        if net_nano < 0:
            self.balance_nano += net_nano
        elif net_nano > 0:
            self.credits.append((epoch, net_nano))
        self.debt_nano = max(-self.balance_nano, 0)

    def lock(self, nano: int, epoch: int) -> None:
        """Move from the balance to what is pending."""
        if nano:
            self._roll(epoch)
            self.balance_nano -= nano
            self.credits.append((epoch, nano))

    def _roll(self, epoch: int) -> None:
        self.balance_nano = self.free_nano(epoch)
        self.credits = [(posted, nano) for posted, nano in self.credits if posted + MATURE_EPOCHS > epoch]


@dataclass
class _Group:
    """The parts of one settlement of a kind: how many there are, the content of each, and when the first and the last one were posted."""

    parts: int
    content: dict[int, bytes] = field(default_factory=dict)
    first_epoch: int = 0
    last_epoch: int = 0


class Books:
    """Accounts and slots of a community as its contracts would hold them."""

    def __init__(self, terms: LedgerTerms, order_domain: bytes) -> None:
        self.terms = terms
        self._signed = SignedOrders(order_domain, [member.wallet for member in terms.members])
        self.community = community_hash(terms.community)
        self.deposits_nano = [0] * (FIRST_MEMBER + len(terms.members))
        self.deposits_nano[Account.SUPPLIER] = terms.supplier_deposit_nano
        self.deposits_nano[BOND] = terms.operator_bond_nano
        self.deposits_nano[FIRST_MEMBER:] = [member.deposit_nano for member in terms.members]
        self._money = [_Money(balance_nano=nano) for nano in self.deposits_nano]
        self._opened: MutableMapping[int, bytes] = {}
        self._cleared: MutableMapping[int, bytes] = {}
        self._anchors: MutableMapping[tuple[int, int], bytes] = {}
        self._groups: MutableMapping[tuple[int, int, int], _Group] = {}
        """By slot, kind and revision."""

    def copied(self) -> "Books":
        """Books that go on from these, which keep as they are; what was noted before is shared, not copied."""
        twin, signed = copy(self), copy(self._signed)
        signed.filled_wh = ChainMap({}, signed.filled_wh)
        vars(twin).update(
            deposits_nano=list(self.deposits_nano),
            _money=[replace(money, credits=list(money.credits)) for money in self._money],
            _signed=signed,
            **{name: ChainMap({}, getattr(self, name)) for name in ("_opened", "_cleared", "_anchors", "_groups")},
        )
        return twin

    def balances(self, time_s: int) -> Balances:
        """Every account at an instant."""
        epoch = self._epoch(time_s)
        free = [money.free_nano(epoch) for money in self._money]
        pending = [money.pending_nano(epoch) for money in self._money]
        debt = [money.debt_nano for money in self._money]
        return Balances(np.array(free, np.int64), np.array(pending, np.int64), np.array(debt, np.int64))

    def apply(self, call: Call, time_s: int) -> None:
        """Do what a call says; once, however often it is called. RevertedError, changing nothing, when it may not."""
        if isinstance(call, OpenCall):
            is_near = call.slot <= (time_s + OPEN_AHEAD_S) // self.terms.slot_s
            require(is_near, "market: slot too far ahead")
            self._note(self._opened, call.slot, content_hash(self.community, call), "market: slot already opened")
        elif isinstance(call, ClearCall):
            require(call.slot in self._opened, "market: slot not opened")
            self._note(self._cleared, call.slot, content_hash(self.community, call), "market: slot already cleared")
        elif isinstance(call, AnchorCall):
            require(any(call.root), "market: no root")
            self._note(self._anchors, (call.period, call.kind), call.root, "market: already anchored")
        elif isinstance(call, DepositCall):
            self._deposit(call, time_s)
        else:
            self._settle(call, time_s)

    @staticmethod
    def _note(noted: MutableMapping[_Key, bytes], key: _Key, value: bytes, reason: str) -> None:
        require(noted.get(key, value) == value, reason)
        noted[key] = value

    def _settle(self, call: SettleCall | TradesCall, time_s: int) -> None:
        content, is_trades = content_hash(self.community, call), isinstance(call, TradesCall)
        place = (call.slot, TRADES, 0) if isinstance(call, TradesCall) else (call.slot, call.kind, call.revision)
        group = self._groups.get(place, _Group(call.parts))
        known = group.content.get(call.part)
        if known is not None:
            require(known[:_HASH_KEPT_BYTES] == content[:_HASH_KEPT_BYTES], "market: key taken")
            return
        epoch = self._epoch(time_s)
        self._check_slot(call.slot, time_s)
        fills: Fills = {}
        if isinstance(call, TradesCall):
            is_first = not any((call.slot, kind, 0) in self._groups for kind in (SETTLEMENT, IMBALANCE))
            require(is_first, "market: settled otherwise")
            fills = self._signed.fills(call)
        else:
            self._check_base(call, epoch)
        require(0 <= call.part < call.parts <= MAX_PARTS and group.parts == call.parts, "market: parts")
        is_late = bool(group.content) and group.first_epoch != epoch
        if isinstance(call, SettleCall) and (call.revision or call.kind != SETTLEMENT or is_late):
            self._check_sides(call)
        nets = self._nets(call.postings)
        self._check_caps(nets)
        lock_nano = 0 if is_trades else self._lock_nano(nets)
        require(self._money[BOND].free_nano(epoch) >= lock_nano, "vault: bond")
        require(self._surplus_after(nets, epoch) >= 0, "market: supplier short")
        for account in np.flatnonzero(nets).tolist():
            self._money[account].move(int(nets[account]), epoch)
        self._money[BOND].lock(lock_nano, epoch)
        first_epoch = group.first_epoch if group.content else epoch
        self._groups[place] = _Group(call.parts, {**group.content, call.part: content}, first_epoch, epoch)
        self._signed.filled_wh.update(fills)

    def _deposit(self, call: DepositCall, time_s: int) -> None:
        known = 0 <= call.account < len(self._money) and call.account != Account.POOL
        require(known, "vault: unknown account")
        require(call.amount_nano > 0, "vault: amount")
        self._money[call.account].pay_in(call.amount_nano, self._epoch(time_s))
        self.deposits_nano[call.account] += call.amount_nano

    def _check_slot(self, slot: int, time_s: int) -> None:
        require(slot in self._cleared, "market: slot not cleared")
        end_s = (slot + 1) * self.terms.slot_s
        require(end_s <= time_s, "market: slot not over")
        require(time_s - end_s <= FINAL_S, "market: slot too old")

    def _check_base(self, call: SettleCall, epoch: int) -> None:
        require(call.revision < MAX_REVISIONS, "market: revision")
        require(call.kind in (SETTLEMENT, IMBALANCE), "market: kind")
        if call.revision == 0 and call.kind == SETTLEMENT:
            require(call.prior == _NO_PRIOR, "market: prior")
            return
        base = self._groups.get((call.slot, *((call.kind, call.revision - 1) if call.revision else (SETTLEMENT, 0))))
        waits = base is not None or call.revision > 0
        # Trades need not wait for their window: nothing voids them while this stands on them.
        base = base if waits else self._groups.get((call.slot, TRADES, 0))
        is_final = base is not None and len(base.content) == base.parts
        is_final = is_final and (not waits or epoch >= (base.last_epoch if base else 0) + MATURE_EPOCHS)
        require(is_final, "market: base open")
        first = base.content[0] if base else b""
        require(first[:_HASH_KEPT_BYTES] == call.prior[:_HASH_KEPT_BYTES], "market: prior")

    @staticmethod
    def _check_sides(call: SettleCall) -> None:
        debit, credit = call.postings.debit, call.postings.credit
        is_system = (np.minimum(debit, credit) < FIRST_MEMBER) & (debit != Account.POOL) & (credit != Account.POOL)
        require(bool(np.all(is_system)), "market: members on both sides")

    def _nets(self, postings: Postings) -> Ints:
        # Lines are read in order, those with energy first: the first bad one gives the reason.
        lines = Postings.joined([postings.take(postings.energy_wh != 0), postings.take(postings.energy_wh == 0)])
        is_unknown = np.maximum(lines.debit, lines.credit) >= len(self._money)
        is_self = lines.debit == lines.credit
        low, high = np.minimum(lines.debit, lines.credit), np.maximum(lines.debit, lines.credit)
        passes = (low >= FIRST_MEMBER) | ((low == Account.POOL) & (high >= FIRST_MEMBER))
        bad = np.flatnonzero(is_unknown | is_self | (passes & (lines.energy_wh == 0)))
        if len(bad):
            first = bad[0]
            kinds = {"market: unknown account": is_unknown[first], "market: self trade": is_self[first]}
            raise RevertedError(next((r for r, holds in kinds.items() if holds), "market: amount between members"))
        nets = balances_nano(postings, len(self._money))
        # With a negative price the side that gave the energy pays for it, and so is the debit.
        seller = np.where(postings.price_micro_per_kwh < 0, postings.debit, postings.credit)
        buyer = np.where(postings.price_micro_per_kwh < 0, postings.credit, postings.debit)
        into_pool = int(postings.energy_wh[buyer == Account.POOL].sum())
        out_of_pool = int(postings.energy_wh[seller == Account.POOL].sum())
        require(into_pool == out_of_pool and nets[Account.POOL] == 0, "market: pool")
        require(nets[BOND] == 0, "market: bond account")
        return nets

    def _lock_nano(self, nets: Ints) -> int:
        """What the operator's bond locks for a batch: a fixed sum, and a share of what members are debited."""
        debits_nano = -exact_sum(np.minimum(nets[FIRST_MEMBER:], 0))
        return self.terms.bond_nano + debits_nano * self.terms.bond_share // 1000

    def _check_caps(self, nets: Ints) -> None:
        factor = self.terms.slot_s * self.terms.price_cap_micro_per_kwh
        for net_nano, member in zip(nets[FIRST_MEMBER:].tolist(), self.terms.members, strict=True):
            require(abs(net_nano) * SECONDS_PER_HOUR <= member.connection_w * factor, "market: cap")

    def _surplus_after(self, nets: Ints, epoch: int) -> int:
        """The supplier's free balance less what each other account will owe; untouched ones as they last stood."""
        surplus = 0
        for account, (money, net_nano) in enumerate(zip(self._money, nets.tolist(), strict=True)):
            free_nano = money.free_nano(epoch) + min(net_nano, 0)
            if account == Account.SUPPLIER:
                surplus += free_nano
            else:
                surplus -= max(-free_nano, 0) if net_nano else money.debt_nano
        return surplus

    def _epoch(self, time_s: int) -> int:
        return time_s // (self.terms.window_slots * self.terms.slot_s)
