"""Claims: demands on what stands behind posted lines, their answers and what became of them, as records and calls."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.services.evidence import BookEntry, PacketEvidence, SignedOrder
from commonwatt.services.ports import Batch, Entry, Ledger, LedgerReader, Signed
from commonwatt.services.withdrawing import Announcement


class DemandState(IntEnum):
    """What became of a demand; the numbers are the contract's."""

    OPEN = 1
    ANSWERED = 2
    EXPIRED = 3
    """No answer in time: its batch is void, the demander has its bond back and half of what the batch had locked."""
    RECLAIMED = 4
    """No answer, and its batch void for another reason or out of reach: the demander has its bond back."""


@dataclass(frozen=True)
class Demand:
    """A demand as a ledger holds it."""

    id: bytes
    """32 bytes: which line and side of which attempt at which batch."""
    slot: int
    kind: int
    revision: int
    part: int
    attempt: int
    generation: int
    line: int
    side: int
    """0: who gives the energy or receives the amount, 1: the other; the member's account where `line` is the number of lines."""
    demander: int
    """Account that asked."""
    member: int
    """Account whose side of the line it is."""
    asked_s: int
    deadline_s: int
    state: DemandState
    closed_s: int
    """Time of the block that answered, expired or reclaimed it; 0 while it is open."""

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """Which batch it is on: slot, kind, revision, part, attempt."""
        return self.slot, self.kind, self.revision, self.part, self.attempt


@dataclass(frozen=True)
class DemandCall:
    """Demands what stands behind one side of a line; sent by the wallet of the member with this account.

    With `line` the number of lines and `side` that account, a member demands its own position though no line names it.
    """

    batch: Batch
    line: int
    side: int
    account: int


@dataclass(frozen=True)
class AnswerOrderCall:
    """Answers a demand on a line between members, or with the pool."""

    id: bytes
    signed: SignedOrder
    entry: BookEntry


@dataclass(frozen=True)
class FeedCall:
    """Adds a batch to the position behind a demand."""

    id: bytes
    batch: Batch


@dataclass(frozen=True)
class Substitute:
    """Registers that the operator and its co-signers put in the place of a silent meter's, revision 0, Wh."""

    slot: int
    account: int
    import_wh: int
    export_wh: int


@dataclass(frozen=True)
class AnswerPositionCall:
    """Answers a demand on a line with a system account, after every batch of the slot up to its revision was fed."""

    id: bytes
    now: PacketEvidence | Substitute
    """Of the demanded revision."""
    before: PacketEvidence | Substitute | None
    """Of the revision whose energy stood before it; None for revision 0."""


@dataclass(frozen=True)
class ExpireCall:
    """Voids the batch of a demand that was not answered in time."""

    id: bytes
    batch: Batch


@dataclass(frozen=True)
class ReclaimCall:
    """Takes the bond of an unanswered demand back, when its batch is void or can no longer be voided."""

    id: bytes


ClaimCall = DemandCall | AnswerOrderCall | FeedCall | AnswerPositionCall | ExpireCall | ReclaimCall


@dataclass(frozen=True)
class ForeignBlock:
    """A block that others than the operator sent, as it came: claims, or whatever else the contracts let a wallet ask."""

    time_s: int
    calls: tuple[Signed, ...]


def moved_nano(entries: Iterable[Entry], accounts: int) -> Ints:
    """What bonds moved into (positive) or out of every account by number, nano."""
    moved = np.zeros(accounts, np.int64)
    for payer, payee, nano in (move for entry in entries for move in entry.moved_nano):
        moved[payer] -= nano
        moved[payee] += nano
    return moved


@dataclass(frozen=True)
class Revocation:
    """A member takes back what its wallet signed, for slots opened later than `time_s`: one order, or all by changing the wallet."""

    time_s: int
    account: int
    order_hash: bytes
    """Of the order that it cancelled; empty where it changed its wallet."""
    wallet: bytes
    """20-byte address of the wallet from then on; empty where it cancelled an order."""


@dataclass(frozen=True)
class ClaimTerms:
    """What a demand costs, how long it may take, and what the contract takes for an answer, as the ledger was founded."""

    demand_bond_nano: int
    answer_s: int
    """Seconds to answer; a batch can be demanded as long as twice this is left of its window."""
    window_s: int
    supply_most_micro_per_kwh: int
    """The tariff's bounds over all hours: the most a member pays its supplier for energy."""
    supply_least_micro_per_kwh: int
    """The least it gets."""
    fee_most_micro_per_kwh: int
    """The most that fees and taxes come to on a kWh."""
    penalty_most_micro_per_kwh: int
    """The most a kWh that was missed costs."""

    def last_s(self, posted_s: int) -> int:
        """Until when (exclusive) a batch posted at `posted_s` can be demanded."""
        return self.end_s(posted_s) - 2 * self.answer_s

    def end_s(self, posted_s: int) -> int:
        """When such a batch can no longer be voided."""
        return (posted_s // self.window_s + 2) * self.window_s


class ClaimsReader(LedgerReader, Protocol):
    """A ledger as an auditor or a member reads it, claims included."""

    def claim_terms(self) -> ClaimTerms:
        """What a demand costs and how long it may take.

        Raises:
            LedgerError: this ledger takes no claims.

        """
        ...

    def demands(self) -> Iterator[Demand]:
        """Every demand that was accepted, in order, as it stands at the newest block."""
        ...

    def revocations(self) -> tuple[Revocation, ...]:
        """What members took back of what they signed, in order."""
        ...

    def announcements(self) -> tuple[Announcement, ...]:
        """What wallets said of withdrawals, in order."""
        ...


class ClaimsLedger(Ledger, ClaimsReader, Protocol):
    """A settlement ledger as its operator has it, or a member who sends to it."""

    def sign_claims(self, calls: Sequence[ClaimCall]) -> tuple[Signed, ...]:
        """Sign calls of the claims as this key's next transactions, in order, without sending them.

        Raises:
            LedgerError: this ledger takes no claims.

        """
        ...

    def refusal(self, call: ClaimCall) -> str:
        """Why the contract would refuse this call now; empty when it would not."""
        ...

    def foreign(self) -> tuple[ForeignBlock, ...]:
        """Blocks that others sent since what was last posted here, in order; from now on they count as posted.

        To be asked when everything journalled was posted again, and before anything else is.
        """
        ...
