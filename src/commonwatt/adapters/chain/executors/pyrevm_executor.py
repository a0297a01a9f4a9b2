"""The fast executor: pyrevm, an EVM in Rust, with what it lacks for being a chain built around it.

pyrevm 0.3.7 keeps one journal for ever, as if all transactions were one. What follows from that, and what is done:

- its gas is wrong from the second transaction on (slots stay warm): gas is never reported;
- transient storage survives: reset before every transaction and view;
- the BLS12-381 precompiles of Prague are missing, and a call to one succeeds with empty output: this executor runs
  Cancun rules, where that is what Ethereum does too; contracts check the length of every precompile's output, and a
  chain that needs them is opened with `fork="prague"`, which only py-evm runs;
- `commit()` without a `snapshot()` breaks it, and a snapshot that is never reverted leaks: snapshots are taken for
  views only, and always reverted;
- memory grows with every transaction, and with it the cost of nothing else: after `COMPACT_AFTER` transactions the
  state is carried over into a fresh EVM.

A sender's nonce counts creations only there (calls do not raise it), so it is set before each creation.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import pyrevm

from commonwatt.adapters.chain.blocks import Log
from commonwatt.adapters.chain.errors import ChainError
from commonwatt.adapters.chain.executors.base import GAS_LIMIT, Account, Outcome
from commonwatt.crypto.keccak import keccak256

COMPACT_AFTER: Final = 6_000
"""Transactions after which the state moves into a fresh EVM: about 6 MB of journal, and 130 MB more for the moment in which it is described."""

_EMPTY_CODE_HASH: Final = keccak256(b"")
_CODE_PADDING: Final = 33
_REVERT_OUTPUT: Final = re.compile(r"output: 0x([0-9a-f]*)")
_ACCOUNT: Final = re.compile(
    r"0x([0-9a-f]{40}): Account \{ info: AccountInfo \{ .*?\}, storage: \{(.*?)\}, status: AccountStatus"
)
_SLOT: Final = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+) \}")


class PyrevmExecutor:
    """Runs transactions on pyrevm under Cancun rules; keeps the promises of `Executor`, and counts no gas."""

    name = "pyrevm"
    counts_gas = False

    def __init__(self, chain_id: int, compact_after: int = COMPACT_AFTER) -> None:
        self._chain_id = chain_id
        self._compact_after = compact_after
        self._block = (0, 0)
        self._transactions = 0
        self._evm = self._fresh_evm()

    def begin_block(self, number: int, time_s: int) -> None:
        """Set block number and timestamp; between blocks is also when the state moves out of a grown EVM."""
        if self._transactions >= self._compact_after:
            self.compact()
        self._block = (number, time_s)
        self._set_block()

    def create(self, sender: bytes, nonce: int, code: bytes) -> Outcome:
        """Run creation code; `return_data` is the hash of the code it left, since pyrevm does not say more."""
        self._begin_transaction()
        deployer = _hex(sender)
        self._evm.insert_account_info(deployer, pyrevm.AccountInfo(nonce=nonce))
        try:
            address = self._evm.deploy(deployer, code, gas=GAS_LIMIT)
        except RuntimeError as error:
            return self._failure(error)
        code_hash: bytes = self._evm.basic(address).code_hash
        return Outcome(True, code_hash, self._logs(), bytes.fromhex(address[2:]), None)

    def call(self, sender: bytes, nonce: int, to: bytes, data: bytes) -> Outcome:  # noqa: ARG002 - calls need no nonce
        """Run a call."""
        self._begin_transaction()
        return self._run(sender, to, data)

    def view(self, sender: bytes, to: bytes, data: bytes) -> Outcome:
        """Run a call between a snapshot and its revert."""
        checkpoint = self._evm.snapshot()
        self._evm.reset_transient_storage()
        try:
            return self._run(sender, to, data)
        finally:
            self._evm.revert(checkpoint)

    def trial(self, number: int, time_s: int, sender: bytes, calls: Sequence[tuple[bytes, bytes]]) -> list[Outcome]:
        """Run calls one after another between a snapshot and its revert."""
        block, self._block = self._block, (number, time_s)
        self._set_block()
        checkpoint, outcomes = self._evm.snapshot(), []
        try:
            for to, data in calls:
                self._evm.reset_transient_storage()
                outcomes.append(self._run(sender, to, data))
        finally:
            self._evm.revert(checkpoint)
            self._block = block
            self._set_block()
        return outcomes

    def words(self, address: bytes, first_slot: int, count: int) -> list[int]:
        """Return consecutive storage words."""
        name, read = _hex(address), self._evm.storage
        checkpoint = self._evm.snapshot()
        try:
            return [read(name, slot) for slot in range(first_slot, first_slot + count)]
        finally:
            self._evm.revert(checkpoint)

    def code(self, address: bytes) -> bytes:
        """Return a contract's code."""
        padded: bytes = self._evm.get_code(_hex(address)) or b""
        # Analysed code comes with 33 bytes of padding, code carried over unanalysed without: the hash tells.
        if keccak256(padded) == self._evm.basic(_hex(address)).code_hash:
            return padded
        return padded[:-_CODE_PADDING]

    def accounts(self) -> dict[bytes, Account]:
        """Return every contract's state, read out of pyrevm's own description of itself (there is no other list)."""
        contracts = {}
        for address, storage in self._described_storage().items():
            info = self._evm.basic(_hex(address))
            if info.code_hash != _EMPTY_CODE_HASH:
                held = {slot: word for slot, word in storage.items() if word}
                contracts[address] = Account(info.nonce, info.code_hash, held)
        return contracts

    def compact(self) -> None:
        """Carry contracts and storage over into a fresh EVM, which frees the journal of all transactions so far."""
        old, contracts = self._evm, self.accounts()
        self._evm = self._fresh_evm()
        self._set_block()
        for address, account in contracts.items():
            # The old EVM's own record holds the code already analysed; raw code would be analysed at every call.
            self._evm.insert_account_info(_hex(address), old.basic(_hex(address)))
            # Loaded first, so that every slot goes into the journal, the only place that can be read back whole.
            self._evm.basic(_hex(address))
            for slot, word in account.storage.items():
                self._evm.insert_account_storage(_hex(address), slot, word)
        self._transactions = 0

    def _fresh_evm(self) -> Any:
        config = pyrevm.CfgEnv(chain_id=self._chain_id)
        return pyrevm.EVM(env=pyrevm.Env(cfg=config), gas_limit=GAS_LIMIT, spec_id="CANCUN")

    def _set_block(self) -> None:
        number, time_s = self._block
        block = pyrevm.BlockEnv(
            number=number,
            timestamp=time_s,
            gas_limit=GAS_LIMIT,
            basefee=0,
            prevrandao=bytes(32),
            excess_blob_gas=0,
        )
        self._evm.set_block_env(block)

    def _begin_transaction(self) -> None:
        self._transactions += 1
        self._evm.reset_transient_storage()

    def _run(self, sender: bytes, to: bytes, data: bytes) -> Outcome:
        try:
            returned: bytes = self._evm.message_call(_hex(sender), _hex(to), calldata=data, gas=GAS_LIMIT)
        except RuntimeError as error:
            return self._failure(error)
        return Outcome(True, returned, self._logs(), None, None)

    def _logs(self) -> tuple[Log, ...]:
        logs = []
        for log in self._evm.result.logs:
            topics, data = log.data
            logs.append(Log(bytes.fromhex(log.address[2:]), tuple(topics), data))
        return tuple(logs)

    def _failure(self, error: RuntimeError) -> Outcome:
        result = self._evm.result
        if result is None:  # refused before it ran, which the chain's own checks should have done
            raise ChainError(f"pyrevm refused a transaction: {error}") from error
        output = None if result.is_halt else _REVERT_OUTPUT.search(str(error))
        return Outcome(False, bytes.fromhex(output[1]) if output else b"", (), None, None)

    def _described_storage(self) -> dict[bytes, dict[int, int]]:
        described = self._evm.journal_str.partition(", transient_storage: {")[0]
        found = {
            bytes.fromhex(account[1]): {int(slot[1]): int(slot[2]) for slot in _SLOT.finditer(account[2])}
            for account in _ACCOUNT.finditer(described)
        }
        if len(found) != len(self._evm.journal_state):
            raise ChainError(f"expected {len(self._evm.journal_state)} accounts in pyrevm's journal, was {len(found)}")
        return found


def _hex(address: bytes) -> str:
    return "0x" + address.hex()
