"""The ledger of a community on its own embedded chain: founded once, posted to exactly once, read from storage."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from commonwatt.adapters.chain.blocks import Receipt as ChainReceipt
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.errors import ChainError, CorruptChainError, ViewRevertedError
from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.exported import ExportedChain
from commonwatt.adapters.chain.transactions import called, sign_transaction
from commonwatt.adapters.ledger import calls
from commonwatt.adapters.ledger.calldata import Place
from commonwatt.adapters.ledger.claiming import CONTRACT, claim_data
from commonwatt.adapters.ledger.foundation import Foundation, deposit_calls
from commonwatt.adapters.ledger.reading import ContractReader
from commonwatt.adapters.ledger.verifying import check_export
from commonwatt.adapters.store.files import set_aside
from commonwatt.contracts import encoding
from commonwatt.core.errors import LedgerError
from commonwatt.core.records import Receipt
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret, sign
from commonwatt.services.claims import ClaimCall, ForeignBlock
from commonwatt.services.ports import (
    AnchorCall,
    Call,
    ChainCheck,
    ClearCall,
    DepositCall,
    LedgerTerms,
    OpenCall,
    SettleCall,
    Signed,
    TradesCall,
)


class ExportedLedger(ContractReader):
    """A ledger read from an exported chain file; promises of `LedgerReader`. Open it with `open`."""

    chain: ExportedChain

    def __init__(self, chain: ExportedChain, path: Path) -> None:
        super().__init__(chain)
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an export. Nothing is run until it is asked; errors: LedgerError when the file is no chain."""
        return cls(ExportedChain.open(path), path)

    def verify(self, reference: bool = False, at: Callable[[int], None] = lambda _: None) -> ChainCheck:
        """Check links, signatures and roots and execute everything again; `reference` on py-evm, with exact gas."""
        check, machine = check_export(self._path, reference=reference, at=at)
        if not check.findings and not reference:
            self.chain.adopt(machine)
        return check

    def close(self) -> None:
        """Release the file."""
        self.chain.close()


class EmbeddedLedger(ContractReader):
    """A ledger with one node in this process; promises of `Ledger`. Open it with `open`, then `found` it."""

    chain: EmbeddedChain

    def __init__(self, chain: EmbeddedChain, secret: bytes, path: Path | None = None, executor: str = "auto") -> None:
        super().__init__(chain)
        self._path = path
        self._executor_name = executor
        self._mends = False
        self._mended: list[str] = []
        self._next_block = 0
        self._sent_again = 0
        self._signed_here: dict[bytes, bytes] = {}
        self._secret = secret
        self._operator = address_of_secret(secret)

    @classmethod
    def open(
        cls, path: Path | None, chain_id: int, operator_key: bytes, executor: str = "auto", mends: bool = False
    ) -> Self:
        """Open or create the chain file (None: in memory); `operator_key` is the 32-byte key that signs all it posts.

        With `mends` a file that is damaged, another community's, or of another history than what is then founded and posted is set aside.
        Errors: LedgerError when the file is in use, or (without `mends`) damaged or another community's.
        """
        mended = []
        try:
            chain = EmbeddedChain.open(path, chain_id, executor)
        except CorruptChainError as error:
            if path is None or not mends:
                raise
            kept = set_aside(path)
            mended.append(f"{error}; made again from the journal, the damaged file is kept as {kept.name}")
            chain = EmbeddedChain.open(path, chain_id, executor)
        ledger = cls(chain, operator_key, path, executor)
        ledger._mends, ledger._mended = mends, mended
        return ledger

    @property
    def note(self) -> str | None:
        """What people should know about who runs the contracts; None when nothing."""
        return self.chain.note

    def found(self, terms: LedgerTerms, time_s: int) -> None:
        """Create the contracts, admit the members, take the deposits; on a ledger founded on the same terms: nothing.

        Raises:
            LedgerError: founded on other terms, or a genesis transaction that the contracts refuse.

        """
        blocks = (*Foundation(terms, self._secret, self.chain.chain_id).blocks(), ())
        for number, raws in enumerate(blocks):
            if self._holds(number, [keccak256(raw) for raw in raws], time_s):
                continue
            if self.chain.head.number >= number:
                if not self._mends:
                    raise LedgerError("expected a ledger founded on these terms, was founded on others")
                self._set_aside_from(number)
            if raws:
                self._append_genesis(raws, time_s)
            else:
                self.chain.seal_genesis(time_s)
        self._next_block = len(blocks)

    def sign(self, calls_: Sequence[Call]) -> tuple[Signed, ...]:
        """Sign calls as the next transactions, in order, without sending them."""
        first = self.chain.next_nonce(self._operator)
        planned = [transaction for call in calls_ for transaction in self._planned(call)]
        return tuple(self._signed(*transaction, first + i) for i, transaction in enumerate(planned))

    def sign_claims(self, calls_: Sequence[ClaimCall]) -> tuple[Signed, ...]:
        """Sign calls of the claims as this key's next transactions, in order, without sending them."""
        first = self.chain.next_nonce(self._operator)
        sent = []
        for part, call in enumerate(calls_):
            place = Place("claim", 0, part=part, parts=len(calls_))
            data = claim_data(call, self._domain, self._secret)
            sent.append(self._signed(place, keccak256(data), CONTRACT, data, first + part))
        return tuple(sent)

    def refusal(self, call: ClaimCall) -> str:
        """Why the contract would refuse this call of this key now; empty when it would not."""
        data = claim_data(call, self._domain, self._secret)
        try:
            self.chain.call(self.deployment.addresses[CONTRACT], data, self._operator)
        except ViewRevertedError as error:
            return error.reason
        return ""

    def foreign(self) -> tuple[ForeignBlock, ...]:
        """Blocks that others sent behind what was posted last; from now on they count as posted."""
        if self.chain.head.number < self._next_block:
            return ()
        found = []
        for raws, block in self.chain.raw_blocks(self._next_block):
            # With a transaction of the operator's, which its journal does not hold, it is of another history.
            if not block.receipts or any(r.sender == self._operator for r in block.receipts):
                break
            found.append(
                ForeignBlock(block.time_s, tuple(_foreign(r, raw) for raw, r in zip(raws, block.receipts, strict=True)))
            )
            self._next_block += 1
        return tuple(found)

    def post(self, signed: Sequence[Signed], time_s: int) -> tuple[Receipt, ...]:
        """Send transactions as one block, or recognise that they were sent before.

        After a crash of the machine the newest may have to be sent again from the journal, which is durable before.

        Raises:
            LedgerError: refused by the chain. A revert is a receipt with status 0.

        """
        if self.chain.head.number >= self._next_block:
            # What the file holds from before: it has to be just this block, or it is of another history.
            if self._holds(self._next_block, [call.transaction for call in signed], time_s):
                self._next_block += 1
                return tuple(_record(call, self.chain.receipt(call.transaction)) for call in signed)
            if self._mends:
                self._set_aside_from(self._next_block)
        # Asked before anything is sent: what is in an older block has a time at which nothing can be appended any more.
        known = {call.transaction: self.chain.receipt(call.transaction) for call in signed}
        missing = [call.raw for call in signed if known[call.transaction] is None]
        if missing:
            known |= {
                receipt.transaction_hash: receipt
                for receipt in self.chain.append(missing, time_s, self._signed_here).receipts
            }
            self._signed_here.clear()
            self._next_block = self.chain.head.number + 1
            self._sent_again += 1
        return tuple(_record(call, known[call.transaction]) for call in signed)

    def objection(self, signed: Sequence[Signed], time_s: int) -> str:
        """Why the contracts would refuse one of these calls as the next block; empty when they take all. Nothing is kept."""
        return self.chain.trial(self._operator, [called(call.raw) for call in signed], time_s) or ""

    def caught_up(self) -> str:
        """Say that everything journalled was posted again: what else the file holds is set aside. Returns what had to be mended, in words."""
        if self.chain.head.number >= self._next_block and self._mends:
            self._set_aside_from(self._next_block)
        # The last journalled half is sent after it was journalled: one block may be missing, no more.
        if self._sent_again > 1 and not self._mended:
            self._mended.append(
                f"{self._path}: ended {self._sent_again} blocks before the journal; they were sent again"
            )
        return "; ".join(self._mended)

    def _holds(self, number: int, transactions: Sequence[bytes], time_s: int) -> bool:
        """Whether the block of this number is there and is just these transactions at this time."""
        if self.chain.head.number < number:
            return False
        block = next(self.chain.blocks(number))
        return block.time_s == time_s and [r.transaction_hash for r in block.receipts] == list(transactions)

    def _set_aside_from(self, number: int) -> None:
        """Go on from the blocks before `number`; the file with what followed them is kept under another name."""
        held = self.chain.head.number + 1
        self.chain = self.chain.restarted(number, self._path, self._executor_name)
        # What was read of the other history.
        self._read = None
        for name in ("deployment", "_domain"):
            self.__dict__.pop(name, None)
        self._mended.append(
            f"{self._path or 'chain in memory'}: its blocks {number}..{held - 1} are not those of the journal; "
            "set aside (*.damaged-*) and made again"
        )

    def export(self, path: Path) -> None:
        """Write the chain canonically: the same chain gives the same bytes. `ExportedLedger` reads it."""
        self.chain.export(path)

    def verify(self, reference: bool = False, at: Callable[[int], None] = lambda _: None) -> ChainCheck:
        """Export the chain and check the export as an auditor would."""
        with TemporaryDirectory(prefix="commonwatt-") as folder:
            path = Path(folder) / "chain.sqlite"
            self.export(path)
            return check_export(path, reference=reference, at=at)[0]

    def close(self) -> None:
        """Release the file and its lock."""
        self.chain.close()

    def _append_genesis(self, raws: Sequence[bytes], time_s: int) -> None:
        for receipt in self.chain.append(raws, time_s).receipts:
            if not receipt.succeeded:
                raise LedgerError(f"genesis transaction {receipt.position} reverted: {receipt.revert_reason}")

    def _planned(self, call: Call) -> Iterator[tuple[Place, bytes, str, bytes]]:
        """Place, content hash, contract and data of the transactions of a call."""
        place = calls.place_of(call)
        # Hashed and sent: packed once.
        packed = calls.packed_lines(call) if isinstance(call, SettleCall | TradesCall) else None
        content = calls.content_hash(self.deployment.community, call, packed)
        if isinstance(call, DepositCall):
            paying = deposit_calls(self._operator, self.deployment.addresses["vault"], call.account, call.amount_nano)
            for part, (contract, data) in enumerate(paying):
                yield replace(place, part=part, parts=len(paying)), content, contract, data
        else:
            yield place, content, "market", self._data(call, content, packed)

    def _signed(self, place: Place, content: bytes, contract: str, data: bytes, nonce: int) -> Signed:
        raw = sign_transaction(
            self._secret,
            chain_id=self.chain.chain_id,
            nonce=nonce,
            to=self.deployment.addresses[contract],
            data=data,
            gas_limit=GAS_LIMIT,
        )
        self._signed_here[raw] = self._operator
        return Signed(place.kind, place.slot, place.revision, place.part, place.parts, content, keccak256(raw), raw)

    def _data(self, call: Call, content: bytes, packed: calls.Packed | None) -> bytes:
        if isinstance(call, OpenCall):
            return calls.open_data(call)
        if isinstance(call, ClearCall):
            return calls.clear_data(call)
        if isinstance(call, AnchorCall):
            return calls.anchor_data(call)
        assert packed is not None, "a deposit is no call of the market"
        if isinstance(call, TradesCall):
            return calls.trades_data(call, packed)
        assert not isinstance(call, DepositCall), "a deposit has no lines"
        recovery_id, r, s = sign(encoding.batch_digest(self._domain, content, call.attempt), self._secret)
        return calls.settle_data(call, [(27 + recovery_id, r, s)], packed)

    @cached_property
    def _domain(self) -> bytes:
        return self.order_domain()


def _foreign(receipt: ChainReceipt, raw: bytes) -> Signed:
    place = Place("claim", 0, part=receipt.position)
    digest = receipt.transaction_hash
    return Signed(place.kind, place.slot, place.revision, place.part, place.parts, digest, digest, raw)


def _record(call: Signed, found: ChainReceipt | None) -> Receipt:
    if found is None:
        raise ChainError(f"expected transaction 0x{call.transaction.hex()} in the chain, was not there")
    return Receipt(
        call.slot,
        call.kind,
        call.revision,
        call.part,
        call.parts,
        "0x" + call.content_hash.hex(),
        "0x" + call.transaction.hex(),
        found.block,
        int(found.succeeded),
        found.revert_reason,
    )
