"""The reference executor: py-evm, Ethereum's executable specification in Python. Slow, and exact in gas."""

from collections.abc import Sequence
from typing import Any, Final

from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks import CancunVM, PragueVM
from eth.vm.message import Message
from eth.vm.spoof import SpoofTransaction
from eth_utils import ValidationError

from commonwatt.adapters.chain.blocks import Log
from commonwatt.adapters.chain.errors import ChainError
from commonwatt.adapters.chain.executors.base import GAS_LIMIT, Account, Outcome
from commonwatt.crypto.keccak import keccak256

_VMS: Final = {"cancun": CancunVM, "prague": PragueVM}
_EMPTY_ROOT: Final = keccak256(b"\x80")
_EMPTY_CODE_HASH: Final = keccak256(b"")
_NO_ADDRESS: Final = bytes(20)


class PyEvmExecutor:
    """Runs transactions on py-evm under the rules of `fork`; keeps the promises of `Executor`, and counts gas."""

    name = "py-evm"
    counts_gas = True

    def __init__(self, chain_id: int, fork: str) -> None:
        self._chain_id = chain_id
        self._vm: Any = _VMS[fork]
        self._written: dict[bytes, set[int]] = {}
        self._state: Any = self._tracking_state()(AtomicDB(), self._context(0, 0), _EMPTY_ROOT)

    def begin_block(self, number: int, time_s: int) -> None:
        """Set block number and timestamp, and write what the last block left into the state trie."""
        self._state.persist()
        self._state.execution_context = self._context(number, time_s)

    def create(self, sender: bytes, nonce: int, code: bytes) -> Outcome:
        """Run creation code; `return_data` is the hash of the code it left."""
        computation, gas_used = self._apply(sender, nonce, b"", code)
        if computation.is_error:
            return Outcome(False, computation.output, (), None, gas_used)
        address = bytes(computation.msg.storage_address)
        self._written.setdefault(address, set())
        return Outcome(True, bytes(self._state.get_code_hash(address)), _logs(computation), address, gas_used)

    def call(self, sender: bytes, nonce: int, to: bytes, data: bytes) -> Outcome:
        """Run a call."""
        computation, gas_used = self._apply(sender, nonce, to, data)
        logs = () if computation.is_error else _logs(computation)
        return Outcome(computation.is_success, bytes(computation.output), logs, None, gas_used)

    def view(self, sender: bytes, to: bytes, data: bytes) -> Outcome:
        """Run a call between a snapshot and its revert."""
        return self._undone(sender, [(to, data)])[0]

    def trial(self, number: int, time_s: int, sender: bytes, calls: Sequence[tuple[bytes, bytes]]) -> list[Outcome]:
        """Run calls one after another between a snapshot and its revert."""
        context = self._state.execution_context
        self._state.execution_context = self._context(number, time_s)
        try:
            return self._undone(sender, calls)
        finally:
            self._state.execution_context = context

    def _undone(self, sender: bytes, calls: Sequence[tuple[bytes, bytes]]) -> list[Outcome]:
        state = self._state
        snapshot, outcomes = state.snapshot(), []
        try:
            for to, data in calls:
                state.clear_transient_storage()
                message = Message(gas=GAS_LIMIT, to=to, sender=sender, value=0, data=data, code=state.get_code(to))
                context = state.get_transaction_context_class()(gas_price=0, origin=sender)
                computation = state.computation_class.apply_message(state, message, context)
                logs = () if computation.is_error else _logs(computation)
                outcomes.append(Outcome(computation.is_success, bytes(computation.output), logs, None, None))
        finally:
            state.revert(snapshot)
            state.clear_transient_storage()
            state.lock_changes()  # forgets which slots the calls warmed, or the next transaction would pay less
        return outcomes

    def words(self, address: bytes, first_slot: int, count: int) -> list[int]:
        """Return consecutive storage words."""
        return [self._state.get_storage(address, slot) for slot in range(first_slot, first_slot + count)]

    def code(self, address: bytes) -> bytes:
        """Return a contract's code."""
        return bytes(self._state.get_code(address))

    def accounts(self) -> dict[bytes, Account]:
        """Return every contract's state, over the slots that were ever written."""
        contracts = {}
        for address, slots in self._written.items():
            code_hash = bytes(self._state.get_code_hash(address))
            if code_hash not in (_EMPTY_CODE_HASH, bytes(32)):
                held = {slot: word for slot in slots if (word := self._state.get_storage(address, slot))}
                contracts[address] = Account(self._state.get_nonce(address), code_hash, held)
        return contracts

    def _apply(self, sender: bytes, nonce: int, to: bytes, data: bytes) -> tuple[Any, int]:
        builder = self._vm.get_transaction_builder()
        unsigned = builder.create_unsigned_transaction(
            nonce=nonce, gas_price=0, gas=GAS_LIMIT, to=to, value=0, data=data
        )
        # The signature was checked when the transaction was decoded; checking it here again would cost as much.
        transaction = SpoofTransaction(unsigned, from_=sender)
        try:
            computation = self._state.apply_transaction(transaction)
        except ValidationError as error:  # refused before it ran, which the chain's own checks should have done
            raise ChainError(f"py-evm refused a transaction: {error}") from error
        gas_used: int = self._vm.finalize_gas_used(transaction, computation)
        self._state.lock_changes()
        return computation, gas_used

    def _context(self, number: int, time_s: int) -> ExecutionContext:
        return ExecutionContext(
            coinbase=_NO_ADDRESS,
            timestamp=time_s,
            block_number=number,
            difficulty=0,
            mix_hash=bytes(32),
            gas_limit=GAS_LIMIT,
            prev_hashes=(),
            chain_id=self._chain_id,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )

    def _tracking_state(self) -> Any:
        written = self._written

        class TrackingState(self._vm.get_state_class()):  # type: ignore[misc]
            """The fork's state, which also remembers where anything was written: py-evm cannot list storage."""

            def set_storage(self, address: bytes, slot: int, value: int) -> None:
                written.setdefault(bytes(address), set()).add(slot)
                super().set_storage(address, slot, value)

            def set_code(self, address: bytes, code: bytes) -> None:
                written.setdefault(bytes(address), set())
                super().set_code(address, code)

        return TrackingState


def _logs(computation: Any) -> tuple[Log, ...]:
    return tuple(
        Log(bytes(address), tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
        for address, topics, data in computation.get_log_entries()
    )
