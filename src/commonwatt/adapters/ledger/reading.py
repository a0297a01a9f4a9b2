"""Reading a ledger from a chain: balances from the vault's storage words, receipts from transactions and their events."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha3_256
from typing import Final

import numpy as np

from commonwatt.adapters.chain.blocks import Receipt as ChainReceipt
from commonwatt.adapters.chain.readable import ReadableChain
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.adapters.ledger import calldata, calls, founded
from commonwatt.adapters.ledger.batches import CONTENT_TOPIC, SETTLED, posted_batches
from commonwatt.adapters.ledger.claiming import demands, revocations
from commonwatt.adapters.ledger.foundation import CONTRACTS, ROLES
from commonwatt.adapters.ledger.gas_use import gas_of
from commonwatt.adapters.ledger.taking_out import WITHDRAWN, announced
from commonwatt.contracts import artifact
from commonwatt.contracts.encoding import domain_separator
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import LedgerError
from commonwatt.core.findings import Finding
from commonwatt.core.records import Receipt
from commonwatt.core.units import Ints
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import checksum_address
from commonwatt.services.claims import ClaimTerms, Demand, Revocation
from commonwatt.services.ports import Balances, Batch, Call, Entry, Head, LedgerTerms, Registered
from commonwatt.services.withdrawing import Announcement

_DEPOSITED: Final = keccak256(b"Deposited(uint256,address,uint256)")
_MOVED: Final = keccak256(b"Moved(uint256,uint256,uint256)")
NO_POSTING: Final = "genesis"
"""Kind of the receipt of a transaction that posts nothing: of the foundation, a deposit, a claim, whatever others sent."""
_CLAIM_TERMS: Final = (
    "demand_bond_nano",
    "answer_s",
    "supply_most_micro_per_kwh",
    "supply_least_micro_per_kwh",
    "fee_most_micro_per_kwh",
    "penalty_most_micro_per_kwh",
)
_MARKET_CALLS: Final = {
    "market.open": "open",
    "market.clear": "clear",
    "market.settle_net": "settle",
    "market.settle_net of kind 1": "rest",
    "market.settle_net of kind 2": "supplied",
    "market.settle_trades": "trades",
    "market.anchor": "anchor",
}


@dataclass(frozen=True)
class Deployment:
    """Where the contracts are, and the numbers they were built with that reading needs."""

    operator: bytes
    addresses: dict[str, bytes]
    community: bytes
    window_s: int


@dataclass(frozen=True)
class _Posted:
    """Every transaction of a chain of `height` blocks as records: of the foundation, and after it."""

    height: int
    founding: tuple[Receipt, ...]
    founding_paid_nano: tuple[tuple[int, int], ...]
    """(account, nano) of the foundation's deposits."""
    entries: tuple[Entry, ...]


class ContractReader:
    """What a ledger on contracts answers, whatever chain they run on; promises of `LedgerReader`."""

    def __init__(self, chain: ReadableChain) -> None:
        self.chain = chain
        self._read: _Posted | None = None

    @cached_property
    def deployment(self) -> Deployment:
        """Where the contracts are. Raises LedgerError on a chain that was not founded."""
        created = [receipt for receipt in self._first_receipts() if receipt.contract]
        if len(created) != len(CONTRACTS):
            raise LedgerError(f"expected {len(CONTRACTS)} contracts in the first block, was {len(created)}")
        addresses = {name: receipt.contract or b"" for name, receipt in zip(CONTRACTS, created, strict=True)}
        for name, address in addresses.items():
            if not artifact(name).is_code(self.chain.code(address)):
                raise LedgerError(f"expected the package's `{name}` contract at 0x{address.hex()}, was other code")
        return Deployment(
            created[0].sender,
            addresses,
            self._view(addresses["market"], "market", "community()"),
            int.from_bytes(self._view(addresses["vault"], "vault", "window_s()"), "big"),
        )

    @property
    def executor(self) -> str:
        """Who runs the contracts: `pyrevm` or `py-evm`."""
        return self.chain.executor_name

    def balances(self, time_s: int) -> Balances:
        """Every account at an instant, from the packed words of the vault; pending credits become free with time."""
        raw = b"".join([word.to_bytes(32, "big") for word in self._account_words()])
        stored = np.frombuffer(raw, _ACCOUNT)
        balance, current, previous = (stored[name].astype(np.int64) for name in ("balance", "current", "previous"))
        if (
            (stored["balance_high"] != balance >> 63).any()
            or stored["current_high"].any()
            or stored["previous_high"].any()
        ):
            raise LedgerError("expected balances below 2**63 nano, was more in an account")
        windows = time_s // self.deployment.window_s - stored["epoch"].astype(np.int64)
        matured = np.where(windows > 0, previous, 0) + np.where(windows > 1, current, 0)
        return Balances(balance + matured, current + previous - matured, np.maximum(-balance, 0))

    def receipts(self) -> Iterator[Receipt]:
        """Everything accepted, in order, genesis included; content hashes as the contracts logged them."""
        posted = self._posted()
        return iter((*posted.founding, *(entry.receipt for entry in posted.entries)))

    def entries(self) -> Iterator[Entry]:
        """Every transaction after the foundation, reverted ones included, in order."""
        return iter(self._posted().entries)

    def batches(self) -> Iterator[Batch]:
        """Every batch that was accepted, in order, voided ones included, from transactions and the market's events."""
        return posted_batches(founded.later_blocks(self.chain), self.deployment.addresses["market"])

    def claim_terms(self) -> ClaimTerms:
        """What a demand costs and how long it may take, from the claims contract."""
        said = {name: self._claims_number(f"{name}()") for name in _CLAIM_TERMS}
        return ClaimTerms(window_s=self.deployment.window_s, **said)

    def _claims_number(self, signature: str) -> int:
        return int.from_bytes(self._view(self.deployment.addresses["claims"], "claims", signature), "big", signed=True)

    def demands(self) -> Iterator[Demand]:
        """Every demand that was accepted, in order, as it stands at the newest block."""
        return demands(founded.later_blocks(self.chain), self.deployment.addresses["claims"])

    def revocations(self) -> tuple[Revocation, ...]:
        """What members took back of what they signed, in order, from the events of market and registry."""
        addresses = self.deployment.addresses
        return tuple(revocations(founded.later_blocks(self.chain), addresses["market"], addresses["members"]))

    def announcements(self) -> tuple[Announcement, ...]:
        """What wallets said of withdrawals, in order, from the vault's events."""
        blocks, vault = founded.later_blocks(self.chain), self.deployment.addresses["vault"]
        return tuple(said for _, block in blocks for receipt in block.receipts for said in announced(receipt, vault))

    def foundation_findings(self, terms: LedgerTerms, founded_s: int) -> list[Finding]:
        """Where the genesis differs from the one that follows from these terms and the operator's address."""
        return founded.foundation_findings(self.chain, terms, founded_s)

    def head(self) -> Head:
        """Number and hash of the newest block, operator and the hashes of the contracts' code."""
        addresses = self.deployment.addresses
        return Head(
            self.chain.head.number,
            _hex(self.chain.head.hash),
            checksum_address(self.deployment.operator),
            {name: sha3_256(self.chain.code(address)).hexdigest() for name, address in addresses.items()},
        )

    def order_domain(self) -> bytes:
        """The 32-byte EIP-712 domain of the market on this chain."""
        return domain_separator(self.chain.chain_id, self.deployment.addresses["market"])

    def content_hash(self, call: Call) -> bytes:
        """The hash under which this call is known to the ledger."""
        return calls.content_hash(self.deployment.community, call)

    def members(self) -> tuple[Registered, ...]:
        """The registry of members in order of dense index, from the words of the members contract."""
        roots, records, meters, limits = (
            self._registry_words(name) for name in ("_pseudonym_roots", "_records", "_meter_keys", "_connections")
        )
        return tuple(
            Registered(
                pseudonym_root=roots[index].to_bytes(32, "big"),
                wallet=(records[index] >> 96).to_bytes(20, "big"),
                meter_key=meters[index].to_bytes(20, "big"),
                role=_role_name(records[index] >> 72 & 0xFF),
                connection_w=limits[index // _LIMITS_IN_A_WORD] >> 32 * (index % _LIMITS_IN_A_WORD) & _MASK_32,
            )
            for index in range(FIRST_MEMBER, len(roots))
        )

    def deposits(self) -> Ints:
        """What was paid into every account since the foundation, less what its wallet took out, nano, from the vault's events."""
        paid = np.zeros(self._account_count(), np.int64)
        posted = self._posted()
        for account, nano in (*posted.founding_paid_nano, *(pair for e in posted.entries for pair in e.paid_nano)):
            paid[account] += nano
        return paid

    def _posted(self) -> "_Posted":
        """What the chain's file says was posted; read once for each height, since most questions ask for it."""
        if self._read is None or self._read.height != self.chain.height:
            self._read = self._read_posted()
        return self._read

    def _read_posted(self) -> "_Posted":
        operator, addresses = self.deployment.operator, self.deployment.addresses
        founding: list[Receipt] = []
        paid: list[tuple[int, int]] = []
        entries: list[Entry] = []
        for transactions, block in founded.blocks(self.chain):
            is_deposit = founded.is_deposit(transactions, addresses, operator) and block.receipts[0].sender == operator
            for transaction, receipt in zip(transactions, block.receipts, strict=True):
                record, paid_nano = self.receipt_of(transaction, receipt), self._paid_nano(receipt)
                if block.number < founded.GENESIS_BLOCKS:
                    founding.append(record)
                    paid += paid_nano
                    continue
                name = "deposit" if is_deposit else founded.call_name(transaction, addresses)
                # What others sent of the market's calls and changed nothing is no posting.
                call = name if record.kind == NO_POSTING else _MARKET_CALLS.get(name, name)
                moved, said = self._moved_nano(receipt), tuple(announced(receipt, addresses["vault"]))
                entries.append(Entry(record, block.time_s, call, receipt.sender == operator, paid_nano, moved, said))
        return _Posted(self.chain.height, tuple(founding), tuple(paid), tuple(entries))

    def _paid_nano(self, receipt: ChainReceipt) -> tuple[tuple[int, int], ...]:
        vault, signs = self.deployment.addresses["vault"], {_DEPOSITED: 1, WITHDRAWN: -1}
        return tuple(
            (int.from_bytes(log.topics[1], "big"), signs[log.topics[0]] * int.from_bytes(log.data, "big"))
            for log in receipt.logs
            if log.address == vault and log.topics[0] in signs
        )

    def _moved_nano(self, receipt: ChainReceipt) -> tuple[tuple[int, int, int], ...]:
        vault = self.deployment.addresses["vault"]
        return tuple(
            (
                int.from_bytes(log.topics[1], "big"),
                int.from_bytes(log.topics[2], "big"),
                int.from_bytes(log.data, "big"),
            )
            for log in receipt.logs
            if log.address == vault and log.topics[0] == _MOVED
        )

    def gas(self) -> tuple[dict[str, int], str]:
        """Gas of every posting by transaction hash, by the model that ships with the contracts."""
        window_s = self.deployment.window_s
        transactions = (
            (decode_transaction(raw, self.chain.chain_id, receipt.sender), block.time_s // window_s)
            for raws, block in self.chain.raw_blocks()
            for raw, receipt in zip(raws, block.receipts, strict=True)
        )
        return gas_of(transactions, self._account_count())

    def receipt_of(self, transaction: Transaction, receipt: ChainReceipt) -> Receipt:
        """A chain's receipt as a record: what was posted, from the transaction, and what the market logged of it."""
        place, market = calldata.read_place(transaction.data), self.deployment.addresses["market"]
        # Anybody may send what a market's call looks like; it is a posting if it is the operator's, or had the effect of one.
        is_posting = receipt.sender == self.deployment.operator or self._settled(receipt)
        if transaction.to != market or place is None or not is_posting:
            place, content = calldata.Place(NO_POSTING, 0, part=receipt.position), transaction.hash
        else:
            content = self._content(transaction.data, receipt)
        return Receipt(
            place.slot,
            place.kind,
            place.revision,
            place.part,
            place.parts,
            _hex(content),
            _hex(transaction.hash),
            receipt.block,
            int(receipt.succeeded),
            receipt.revert_reason,
        )

    def _settled(self, receipt: ChainReceipt) -> bytes:
        """The content hash of the batch that a transaction posted; empty when it posted none."""
        market = self.deployment.addresses["market"]
        logs = (log for log in receipt.logs if log.topics[0] == SETTLED and log.address == market)
        return next((log.topics[CONTENT_TOPIC] for log in logs), b"")

    def _content(self, data: bytes, receipt: ChainReceipt) -> bytes:
        settled = self._settled(receipt)
        if settled:
            return settled
        # What is no settlement logs its values, which the calldata holds too; a repetition or a revert logs nothing.
        return calldata.read_content_hash(self.deployment.community, data)

    def _first_receipts(self) -> tuple[ChainReceipt, ...]:
        first = next(self.chain.blocks(), None)
        return first.receipts if first else ()

    def _account_words(self) -> list[int]:
        vault = artifact("vault").storage_layout["_accounts"]
        return self.chain.words(self.deployment.addresses["vault"], vault["slot"], self._account_count())

    def _account_count(self) -> int:
        count = artifact("members").storage_layout["count"]
        return self.chain.words(self.deployment.addresses["members"], count["slot"], 1)[0]

    def _registry_words(self, name: str) -> list[int]:
        place, count = artifact("members").storage_layout[name], self._account_count()
        words = -(-count // _LIMITS_IN_A_WORD) if name == "_connections" else count
        return self.chain.words(self.deployment.addresses["members"], place["slot"], words)

    def _view(self, address: bytes, name: str, signature: str) -> bytes:
        return self.chain.call(address, artifact(name).method_ids[signature])


_LIMITS_IN_A_WORD: Final = 8
_MASK_32: Final = 2**32 - 1
_ACCOUNT: Final = np.dtype(
    [
        ("balance_high", ">i2"),
        ("balance", ">i8"),
        ("current_high", "u1"),
        ("current", ">i8"),
        ("previous_high", "u1"),
        ("previous", ">i8"),
        ("epoch", ">u4"),
    ]
)
"""An account's word in the vault: a balance of 80 bits, credits of the current and the previous window of 72, and the window, of 32."""


def _role_name(number: int) -> str:
    return ROLES[number - 1] if 0 < number <= len(ROLES) else f"role {number}"


def _hex(digest: bytes) -> str:
    return "0x" + digest.hex()
