"""Gas of a chain's postings by the shipped model, from their calldata alone."""

from collections.abc import Iterable

import numpy as np

from commonwatt.adapters.chain.transactions import Transaction
from commonwatt.adapters.ledger import calldata
from commonwatt.contracts import encoding
from commonwatt.contracts.gas import RestWork, SettleWork, TradesWork, Work, gas_model
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.units import Flags


class GasUse:
    """Counts what each settlement of a community does; remembers the system accounts that were moved, and the last epoch."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._filled: Flags = np.arange(FIRST_MEMBER) == Account.SUPPLIER  # its deposit is in
        self._epoch = -1

    def work_of(self, data: bytes, epoch: int) -> Work | None:
        """What a `settle_net` or a `settle_trades` of an epoch does, in the order of the chain; None for any other call."""
        posted = calldata.read_batch(data)
        if posted is None:
            return None
        is_first, self._epoch = int(epoch != self._epoch), epoch
        energy, amounts = encoding.unpack_lines(posted.packed, posted.energy_count)
        if posted.kind == encoding.TRADES:
            return TradesWork(len(energy), calldata.read_orders(data), self._accounts, is_first)
        moved = encoding.moved_accounts(energy, amounts, self._accounts)
        system = moved[moved < FIRST_MEMBER]
        filled = int((~self._filled[system]).sum())
        self._filled[system] = True
        kind = RestWork if any(posted.prior) else SettleWork
        turns = encoding.pool_turns(energy)
        return kind(len(energy), turns, len(amounts), len(moved), filled, self._accounts, is_first)


def gas_of(transactions: Iterable[tuple[Transaction, int]], accounts: int) -> tuple[dict[str, int], str]:
    """Gas by hash of all transactions (each with its epoch), and where it comes from: `model`, or `none` where no model fits the contracts."""
    model, use = gas_model(), GasUse(accounts)
    if model is None:
        return {}, "none"
    gas = {}
    for transaction, epoch in transactions:
        place = calldata.read_place(transaction.data) if transaction.to is not None else None
        if place is not None:
            work = use.work_of(transaction.data, epoch)
            gas["0x" + transaction.hash.hex()] = model.gas(place.kind, transaction.data, work)
    return gas, "model"
