"""Gas of a chain's postings by the shipped model, from their calldata alone."""

from collections.abc import Iterable

import numpy as np

from commonwatt.adapters.chain.transactions import Transaction
from commonwatt.adapters.ledger import calldata
from commonwatt.contracts import encoding
from commonwatt.contracts.gas import SettleWork, gas_model
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.units import Flags


class GasUse:
    """Counts what each settlement of a community does; remembers which system accounts were moved before."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._filled: Flags = np.arange(FIRST_MEMBER) == Account.SUPPLIER  # its deposit is in

    def work_of(self, data: bytes) -> SettleWork | None:
        """What a `settle_net` does, in the order of the chain; None for any other call."""
        batch = calldata.read_batch(data)
        if batch is None:
            return None
        energy_count, packed = batch
        energy, amounts = encoding.unpack_lines(packed, energy_count)
        moved = encoding.moved_accounts(energy, amounts, self._accounts)
        system = moved[moved < FIRST_MEMBER]
        filled = int((~self._filled[system]).sum())
        self._filled[system] = True
        return SettleWork(len(energy), len(amounts), len(moved), filled, self._accounts)


def gas_of(transactions: Iterable[Transaction], accounts: int) -> tuple[dict[str, int], str]:
    """Gas by transaction hash of all postings, and where it comes from: `model`, or `none` where no model fits the contracts."""
    model, use = gas_model(), GasUse(accounts)
    if model is None:
        return {}, "none"
    gas = {}
    for transaction in transactions:
        place = calldata.read_place(transaction.data) if transaction.to is not None else None
        if place is not None:
            gas["0x" + transaction.hash.hex()] = model.gas(place.kind, transaction.data, use.work_of(transaction.data))
    return gas, "model"
