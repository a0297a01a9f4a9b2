"""Covering: whether the supplier's deposit covers what a slot's settlement takes, asked before anything is signed; and paying in more."""

from collections.abc import Sequence

import numpy as np

from commonwatt.core.accounts import Account, balances_nano
from commonwatt.core.errors import DepositShort
from commonwatt.services.halves import TopUp
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances, Call, DepositCall, SettleCall


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
        if not isinstance(call, SettleCall):
            continue
        nets = balances_nano(call.postings, len(free))
        free += np.minimum(nets, 0)
        debt = np.where(nets != 0, np.maximum(-free, 0), debt)
        debt[Account.SUPPLIER] = 0
        missing_nano = max(missing_nano, int(debt.sum()) - int(free[Account.SUPPLIER]))
    return missing_nano


def top_up(market: Market, slot: int, amount_nano: int, time_s: int) -> TopUp:
    """A signed payment into the supplier's deposit, free at once."""
    calls = market.ledger.sign([DepositCall(slot, int(Account.SUPPLIER), amount_nano)])
    return TopUp(slot, amount_nano, time_s, calls)
