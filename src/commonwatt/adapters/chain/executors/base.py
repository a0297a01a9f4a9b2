"""The executor interface and its promises.

Promises, kept by every executor for the same sequence of calls: equal outcomes (status, return data, logs, created
addresses), equal storage, equal state digest. A failed call changes nothing. A view changes nothing, whatever it ran.
Transient storage is empty at the start of every transaction and view. Only gas may differ, and only an executor with
`counts_gas` reports it.

Contracts must not read what a chain without peers cannot give: BLOCKHASH, SELFDESTRUCT of an older contract, or the
amount of gas left (the fast executor's accounts stay warm from one transaction to the next).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha3_256
from typing import Final, Protocol

from commonwatt.adapters.chain.blocks import Log
from commonwatt.adapters.chain.rlp_codec import encode

GAS_LIMIT: Final = 100_000_000
"""Gas every transaction is given, whatever it uses: a node that replays must not run out where another did not."""

MAX_CREATION_BYTES: Final = 49_152
"""Largest contract creation code (EIP-3860); larger transactions are refused before any executor sees them."""

FORKS: Final = ("cancun", "prague")
"""Rule sets: `prague` adds the BLS12-381 precompiles (EIP-2537), which only py-evm has."""

EXECUTORS: Final = ("auto", "pyrevm", "py-evm")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one transaction did. `gas_used` is None where the executor does not count gas exactly."""

    succeeded: bool
    return_data: bytes
    logs: tuple[Log, ...]
    contract: bytes | None
    gas_used: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """A contract's state: nonce, hash of its code, and its storage slots that are not zero."""

    nonce: int
    code_hash: bytes
    storage: Mapping[int, int]


class Executor(Protocol):
    """Runs transactions on one EVM state in memory."""

    name: str
    counts_gas: bool

    def begin_block(self, number: int, time_s: int) -> None:
        """Set what contracts read as block number and timestamp (s since 1970 UTC) from now on."""

    def create(self, sender: bytes, nonce: int, code: bytes) -> Outcome:
        """Run creation code as `sender`'s transaction number `nonce`; on success `contract` is the new address."""

    def call(self, sender: bytes, nonce: int, to: bytes, data: bytes) -> Outcome:
        """Run a transaction that calls `to`."""

    def view(self, sender: bytes, to: bytes, data: bytes) -> Outcome:
        """Run a call and undo it: nothing it did is left."""

    def trial(self, number: int, time_s: int, sender: bytes, calls: Sequence[tuple[bytes, bytes]]) -> list[Outcome]:
        """Run calls (recipient and data) of one sender as block `number` would at `time_s`, and undo them: nothing is left."""

    def words(self, address: bytes, first_slot: int, count: int) -> list[int]:
        """Return consecutive storage words of a contract."""

    def code(self, address: bytes) -> bytes:
        """Return the code of a contract, empty where there is none."""

    def accounts(self) -> dict[bytes, Account]:
        """Return every contract's state, by address (slow: walks all of it)."""


def state_digest(executor: Executor) -> bytes:
    """Return the SHA3-256 over all contracts' nonces, code and storage; equal for equal states on any executor."""
    accounts = executor.accounts()
    return sha3_256(
        encode(
            [
                [
                    address,
                    account.nonce.to_bytes(8, "big"),
                    account.code_hash,
                    [
                        slot.to_bytes(32, "big") + account.storage[slot].to_bytes(32, "big")
                        for slot in sorted(account.storage)
                    ],
                ]
                for address, account in sorted(accounts.items())
            ]
        )
    ).digest()
