"""Covering: whether the supplier's deposit covers what a slot's settlement takes, asked before anything is signed; and paying in more."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, balances_nano
from commonwatt.core.errors import DepositShort, LedgerDisagrees
from commonwatt.services.halves import TopUp
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances, Call, DepositCall, SettleCall, Signed, TradesCall


def require_covered(slot: int, calls: Sequence[Call], balances: Balances) -> None:
    """Do nothing when the ledger will take these calls, at the time of `balances`, as far as the supplier's deposit goes.

    Asked first, because what was posted and reverted stays on the chain: a slot that has to wait leaves no trace.

    Raises:
        DepositShort: it will not; how much is missing.

    """
    missing_nano = shortfall_nano(balances, calls)
    if missing_nano:
        raise DepositShort(slot, missing_nano)


def shortfall_nano(balances: Balances, calls: Sequence[Call]) -> int:
    """How much the supplier's free balance lacks for these settlements, one after the other; 0 when they are covered.

    After each batch it has to be at least what all others owe (`market.settle_net`: "supplier short"): debits act at once, credits do not
    count, and an account that a batch does not touch owes what it owed when it was last touched.
    """
    free, debt = balances.free_nano.copy(), balances.debt_nano.copy()
    missing_nano = 0
    for call in calls:
        if not isinstance(call, SettleCall | TradesCall):
            continue
        nets = balances_nano(call.postings, len(free))
        free += np.minimum(nets, 0)
        debt = np.where(nets != 0, np.maximum(-free, 0), debt)
        debt[Account.SUPPLIER] = 0
        missing_nano = max(missing_nano, int(debt.sum()) - int(free[Account.SUPPLIER]))
    return missing_nano


def require_accepted(market: Market, slot: int, calls: Sequence[Call], signed: tuple[Signed, ...], time_s: int) -> None:
    """Do nothing when the ledger will take these signed calls at `time_s`; asked of its own rules before anything is journalled.

    What is journalled is sent again by every resume, so a call that reverts would end the run for good.

    Raises:
        LedgerDisagrees: it will not; nothing of the slot was kept, and the run can be resumed once the cause is mended.

    """
    reason = market.ledger.objection(signed, time_s)
    if not reason:
        return
    why = REFUSALS.get(reason, "")
    if reason == CAP:
        why += _over_cap(market, calls)
    raise LedgerDisagrees(
        f"slot {slot}: expected the ledger to take what is posted for it, would be refused: {reason}\n"
        + (f"{why}.\n" if why else "")
        + "Every slot before it is settled, and nothing of this one was posted: mend the cause, then go on with the same command and "
        "--resume (other settings, members or data are another run, in another folder)."
    )


CAP: Final = "market: cap"
REFUSALS: Final = {
    CAP: "A member would pay or get more than its connection carries at the price cap (connection_w, [ledger] price_cap_micro_per_kwh)",
    "vault: bond": "The operator's bond does not cover what this batch locks ([ledger] operator_bond_nano, bond_nano)",
    "market: limit": "A trade is priced outside what its member signed",
    "market: overfilled": "More was traded than a member signed for",
    "market: order not signed": "An order is not signed by its member's wallet",
    "market: amount between members": "A plain amount goes from one member to another: between members only energy at a price does",
    "market: members on both sides": "A line between two members stands where only lines with the supplier, fees and taxes may",
    "market: pool": "The pool keeps energy or money: what goes in has to come out in the same batch",
    "market: slot too old": "The slot's final date is over",
    "market: closed": "The market was closed for good",
    "market: slot too far ahead": "A slot is opened two days before it begins, at most",
}
"""What a contract's reason means to whoever runs the community."""


def _over_cap(market: Market, calls: Sequence[Call]) -> str:
    factor = market.rules.slots.slot_s * market.terms.price_cap_micro_per_kwh
    over = set()
    for call in calls:
        if isinstance(call, SettleCall | TradesCall):
            nets = balances_nano(call.postings, FIRST_MEMBER + len(market.members))[FIRST_MEMBER:]
            over |= {
                m.id
                for m, net in zip(market.members, nets.tolist(), strict=True)
                if abs(net) * 3600 > m.connection_w * factor
            }
    return f": {', '.join(sorted(over))}" if over else ""


def top_up(market: Market, slot: int, amount_nano: int, time_s: int) -> TopUp:
    """A signed payment into the supplier's deposit, free at once."""
    calls = market.ledger.sign([DepositCall(slot, int(Account.SUPPLIER), amount_nano)])
    return TopUp(slot, amount_nano, time_s, calls)
