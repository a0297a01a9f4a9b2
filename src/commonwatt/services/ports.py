"""Ports: what services ask of the outside world (the ledger; `feed`, `journal`, `keyring` and `claims` go on). Adapters fulfil them; tests use fakes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from commonwatt.core.accounts import Postings
from commonwatt.core.columns import Columns
from commonwatt.core.findings import Finding
from commonwatt.core.members import MemberFacts
from commonwatt.core.orders import Instructions
from commonwatt.core.records import Receipt
from commonwatt.core.units import Ints
from commonwatt.services.withdrawing import Announcement

# --- ledger


@dataclass(frozen=True)
class LedgerMember:
    """A member as the ledger knows it: nothing personal; wallet and meter key are 20-byte addresses."""

    pseudonym: str
    wallet: bytes
    meter_key: bytes
    connection_w: int
    deposit_nano: int
    role: str = "prosumer"
    facts: MemberFacts = field(default_factory=MemberFacts)
    """What the market may know of it; on the ledger only as part of the rules' hash."""


@dataclass(frozen=True)
class Registered:
    """A member as a ledger's registry holds it."""

    pseudonym_root: bytes
    """Keccak-256 of the pseudonym."""
    wallet: bytes
    meter_key: bytes
    role: str
    connection_w: int


@dataclass(frozen=True)
class LedgerTerms:
    """What a ledger is founded on; the same terms give the same genesis."""

    community: str
    slot_s: int
    window_slots: int
    """Length of the challenge window: credits are free one to two windows after they were posted."""
    price_cap_micro_per_kwh: int
    supplier_deposit_nano: int
    members: tuple[LedgerMember, ...]
    """In order of dense index; member i has account FIRST_MEMBER + i."""
    rules_hash: bytes = bytes(32)
    """SHA-256 of the run's effective settings, and of what the market knows of its members: the tariff and every rule, fixed at the foundation."""
    operator_bond_nano: int = 10**12
    """What the operator pays into the bond's account; every batch locks some of it while it can be voided."""
    bond_nano: int = 10**8
    """What a batch locks at least."""
    bond_share: int = 100
    """What it locks besides: thousandths of what it debits members."""
    demand_bond_nano: int = 10**7
    """What a demand costs its member when it is answered."""
    answer_s: int = 300
    """Seconds to answer a demand, less than half a window."""
    close_after_s: int = 30 * 86_400
    """Seconds without a batch after which anyone may close the market for good; at least two windows."""
    supply_most_micro_per_kwh: int = 2**31 - 1
    """The most a member pays its supplier for energy, at any hour."""
    supply_least_micro_per_kwh: int = -(2**31) + 1
    """The least it gets."""
    fee_most_micro_per_kwh: int = 2**31 - 1
    """Fees and taxes together, per kWh of a member's energy."""
    penalty_most_micro_per_kwh: int = 2**31 - 1
    """Penalties, per kWh it missed."""


@dataclass(frozen=True)
class OpenCall:
    """Opens a slot: the root of the sealed orders."""

    slot: int
    book_root: bytes
    orders: int


@dataclass(frozen=True)
class ClearCall:
    """Clears a slot: the roots of revealed orders and of trades."""

    slot: int
    order_root: bytes
    clearing_root: bytes


@dataclass(frozen=True)
class SettleCall:
    """Settles a part of a slot's revision; `postings` hold no wholesale posting and sum to zero by construction."""

    slot: int
    revision: int
    part: int
    parts: int
    prior: bytes
    """Content hash of what it builds on (32 bytes): of the revision before, or of the slot's trades; zeros where it stands alone."""
    postings: Postings
    kind: int = 0
    """0 the whole settlement, 1 what is left of it beside the slot's trades, 2 the supplier's after two voids (`market.vy`)."""
    attempt: int = 1
    """2 after a void; its content then ends with a line of nothing, so that it is never that of the first."""


@dataclass(frozen=True)
class TradesCall:
    """Posts a part of a slot's trades one by one: energy lines between two members, and per line the rows of the signed orders behind it."""

    slot: int
    part: int
    parts: int
    postings: Postings
    orders: Instructions
    sell_order: Ints
    buy_order: Ints


@dataclass(frozen=True)
class AnchorCall:
    """Anchors a root: of a period (`kind` 0) or of the run's public files (`kind` 1)."""

    period: int
    kind: int
    root: bytes


@dataclass(frozen=True)
class DepositCall:
    """Pays into an account after the foundation; the money is the operator's, as it was at the foundation."""

    slot: int
    """The slot that waited for it."""
    account: int
    amount_nano: int


Call = OpenCall | ClearCall | TradesCall | SettleCall | AnchorCall | DepositCall


@dataclass(frozen=True)
class Signed:
    """A signed transaction, journalled before it is sent; the same bytes are sent again after a crash."""

    kind: str
    """`open`, `clear`, `trades`, `settle`, `anchor`, `deposit`."""
    slot: int
    """For `anchor`, the period."""
    revision: int
    part: int
    parts: int
    content_hash: bytes
    transaction: bytes
    """32-byte transaction hash."""
    raw: bytes


@dataclass(frozen=True)
class Balances(Columns):
    """Money on the ledger by account number (system accounts, then members), read from the chain's own storage."""

    free_nano: Ints
    """Negative: a debt."""
    pending_nano: Ints
    debt_nano: Ints
    """What the account owed when it was last posted to, which the supplier's deposit has to cover until the next posting."""


@dataclass(frozen=True)
class Head:
    """Where the chain stands."""

    number: int
    block_hash: str
    operator: str
    """Address of the account that posts."""
    code_hashes: dict[str, str]
    """SHA3-256 (hex) of every contract's code by name; empty where there are no contracts."""


@dataclass(frozen=True)
class ChainCheck:
    """What verifying a chain from its own file found."""

    findings: tuple[Finding, ...]
    """Broken links, signatures or roots, or a replay that ends elsewhere; empty when all is well."""
    transactions: int
    executor: str
    """Who replayed it: `pyrevm`, `py-evm`, `memory`."""
    gas_by_transaction: dict[str, int]
    """Exact gas by transaction hash where the executor's gas is right (py-evm), else empty."""


@dataclass(frozen=True)
class Entry:
    """A transaction of a ledger after its foundation."""

    receipt: Receipt
    time_s: int
    """Time of its block."""
    call: str
    """`open`, `clear`, `trades`, `settle`, `rest` (beside trades), `supplied`, `anchor`, `deposit`; else what it calls: `claims.demand`."""
    by_operator: bool
    """Whether the account that founded the ledger sent it."""
    paid_nano: tuple[tuple[int, int], ...] = ()
    """(account, nano) of what it paid in; negative: what a wallet took out."""
    moved_nano: tuple[tuple[int, int, int], ...] = ()
    """(payer, payee, nano) of what it moved between accounts at once: bonds of demands, and of the operator."""
    announced: tuple[Announcement, ...] = ()
    """What wallets said of withdrawals by it."""


@dataclass(frozen=True)
class BatchLines(Columns):
    """The lines of a batch as the contract adds them up: `who` receives, from `other`, energy x price or the amount."""

    who: Ints
    other: Ints
    energy_wh: Ints
    """What `who` gives to `other`; 0 on a line of a plain amount."""
    price_micro_per_kwh: Ints
    amount_nano: Ints
    """What `who` receives, positive or negative."""


@dataclass(frozen=True)
class Batch:
    """A part of a settlement as it was posted."""

    slot: int
    kind: int
    """0 settlement, 1 imbalance, 2 supplied, 3 trades (`market.vy`)."""
    revision: int
    part: int
    parts: int
    prior: bytes
    content_hash: bytes
    posted_s: int
    is_void: bool
    energy_lines: int
    """How many of the lines, the first ones, are of energy."""
    lines: BatchLines
    packed: bytes
    """The lines as the contract reads them."""
    attempt: int = 1
    voided_s: int = 0
    """Time of the block that voided it; 0 while it stands."""


class LedgerReader(Protocol):
    """A ledger as an auditor reads it. Promise: every answer comes from the chain's own blocks and storage, not from the books."""

    def balances(self, time_s: int) -> Balances:
        """Every account at an instant (pending credits become free with time)."""
        ...

    def receipts(self) -> Iterator[Receipt]:
        """Everything accepted, in order, genesis included; content hashes as the contracts logged them."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Every transaction after the foundation, reverted ones included, in order."""
        ...

    def batches(self) -> Iterator[Batch]:
        """Every batch that was accepted, in order, voided ones included."""
        ...

    def foundation_findings(self, terms: LedgerTerms, founded_s: int) -> list[Finding]:
        """Where the foundation differs from the one that follows from these terms; empty when nowhere."""
        ...

    def head(self) -> Head:
        """Number and hash of the newest block, operator and code hashes."""
        ...

    def order_domain(self) -> bytes:
        """The 32-byte EIP-712 domain of the market, under which members sign orders."""
        ...

    def content_hash(self, call: Call) -> bytes:
        """The hash under which this call is known to the ledger: equal contents, equal hashes."""
        ...

    def members(self) -> tuple[Registered, ...]:
        """The registry of members in order of dense index, from the chain's own storage."""
        ...

    def deposits(self) -> Ints:
        """What was paid into every account by number since the foundation, less what its wallet took out, nano, from the chain."""
        ...

    def gas(self) -> tuple[dict[str, int], str]:
        """Gas of every posting by transaction hash and where it comes from: `model`, or ({}, `none`)."""
        ...

    @property
    def executor(self) -> str:
        """Who executes: `pyrevm`, `py-evm`, or `memory` for plain books."""
        ...

    def verify(self, reference: bool = False, at: Callable[[int], None] = lambda _: None) -> ChainCheck:
        """Check links, signatures and roots and execute everything again; `reference` on py-evm, with exact gas. `at` is told the blocks done."""
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...


class Ledger(LedgerReader, Protocol):
    """A settlement ledger. Promises: a content is posted once whatever happens; money sums to zero."""

    @property
    def note(self) -> str | None:
        """What people should know about how this ledger runs; None when nothing."""
        ...

    def found(self, terms: LedgerTerms, time_s: int) -> None:
        """Create the contracts, admit the members, take the deposits. On a ledger that was founded on the same terms: nothing.

        Raises:
            LedgerError: founded on other terms.

        """
        ...

    def sign(self, calls: Sequence[Call]) -> tuple[Signed, ...]:
        """Sign calls as the next transactions, in order, without sending them; the same calls at the same place give the same bytes.

        A call may take more than one transaction.
        """
        ...

    def post(self, signed: Sequence[Signed], time_s: int) -> tuple[Receipt, ...]:
        """Send transactions as one block with this time, or recognise that they were sent before.

        After a crash of the machine the newest may have to be sent again, from the journal.

        Raises:
            LedgerError: refused by the chain (nonce, signature, time going backwards). A revert is a receipt with status 0.

        """
        ...

    def objection(self, signed: Sequence[Signed], time_s: int) -> str:
        """Why one of these calls would be refused, were they posted as the next block with this time; empty when none would. Nothing is kept."""
        ...

    def caught_up(self) -> str:
        """Say that everything journalled was posted again: what else the ledger holds is set aside. Returns what had to be mended, in words."""
        ...

    def export(self, path: Path) -> None:
        """Write the chain canonically, readable by the adapter's reader: the same chain gives the same bytes."""
        ...
