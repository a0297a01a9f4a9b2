"""Taking out: what a transaction says of withdrawals, from the vault's events."""

from collections.abc import Iterator
from typing import Final

from commonwatt.adapters.chain.blocks import Receipt
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.withdrawing import Announcement

ANNOUNCED: Final = keccak256(b"Announced(uint256,uint256,uint256)")
WITHDRAWN: Final = keccak256(b"Withdrawn(uint256,address,uint256)")


def announced(receipt: Receipt, vault: bytes) -> Iterator[Announcement]:
    """What wallets announced and, as an announcement of nothing, what they took; `vault` is the contract's 20-byte address."""
    for log in receipt.logs:
        if log.address != vault or log.topics[0] not in (ANNOUNCED, WITHDRAWN):
            continue
        account = int.from_bytes(log.topics[1], "big")
        if log.topics[0] == WITHDRAWN:
            yield Announcement(account, 0, 0)
        else:
            yield Announcement(account, int.from_bytes(log.data[:32], "big"), int.from_bytes(log.data[32:64], "big"))
