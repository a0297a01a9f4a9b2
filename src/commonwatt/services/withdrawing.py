"""Withdrawing: what wallets announced to take out; until it was taken, ended or has lapsed, it covers no order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.core.units import Ints

_MOST_NANO: Final = 2**62
"""More than any account holds; an announcement may name up to 2**79."""


@dataclass(frozen=True)
class Announcement:
    """A wallet's newest word on what it takes out; it replaces every earlier one of its account."""

    account: int
    amount_nano: int
    """0: nothing any more, because it was taken or taken back."""
    ready_epoch: int
    """The window of the ledger in which it can be taken, counted from the Unix epoch; it lapses when that ends."""


def held_back_nano(announced: Iterable[Announcement], accounts: int, epoch: int) -> Ints:
    """What of each account's free balance covers no order in a window, nano, shape (accounts,); `announced` in the order of the ledger.

    The rule of the vault (`free_for_orders`): held from the announcement on until its window has ended, since what an order of then costs
    is debited when it may have been taken. Before it can be taken every slot that was open at the announcement is settled.
    """
    newest = {said.account: said for said in announced}
    held_nano = np.zeros(accounts, np.int64)
    for account, said in newest.items():
        if epoch <= said.ready_epoch:
            held_nano[account] = min(said.amount_nano, _MOST_NANO)
    return held_nano
