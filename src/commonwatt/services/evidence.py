"""Evidence: what answers a question about a line of a bill: what the member signed, its order in the book, its meter's packet."""

from dataclasses import dataclass

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.determinism import merkle_path, merkle_root
from commonwatt.metering import packet_leaves
from commonwatt.services.enrolment import Enrolment
from commonwatt.services.public import PublicTables
from commonwatt.venues import commitments


@dataclass(frozen=True)
class SignedOrder:
    """An instruction as the market's contract takes it (EIP-712 `Order`), with its signature."""

    instruction_id: str
    account: int
    """The struct's `member`: dense index + 8."""
    is_sell: bool
    energy_wh: int
    limit_micro_per_kwh: int
    first_slot: int
    last_slot: int
    path: int
    salt: int
    signature: bytes
    """65 bytes: r, s, v."""
    wallet: bytes
    """20-byte address of the member's wallet."""

    @property
    def vrs(self) -> tuple[int, int, int]:
        """The signature as contracts take it: v, r, s."""
        return _vrs(self.signature)


@dataclass(frozen=True)
class BookEntry:
    """An accepted order with its place under the root that opened the slot."""

    slot: int
    row: int
    """Its place in the book (`order_id` is SLOT-oROW)."""
    account: int
    is_sell: bool
    energy_wh: int
    limit_micro_per_kwh: int
    source: int
    preference: int
    nonce: bytes
    commitment: bytes
    """SHA-256 of the order and its nonce: the leaf's data."""
    siblings: tuple[bytes, ...]
    sides: int
    """Bit k: sibling k stands on the left (`core.determinism.merkle_path`)."""
    book_root: bytes
    orders: int
    """How many there are: `open` committed to root and number."""


@dataclass(frozen=True)
class PacketEvidence:
    """What a meter said of a slot, with its place under the root that the meter or its gateway signed."""

    slot: int
    account: int
    counter: int
    revision: int
    import_wh: int
    export_wh: int
    packet_hash: bytes
    leaf: bytes
    """The leaf's data: six integers of 8 bytes, then the packet hash."""
    siblings: tuple[bytes, ...]
    sides: int
    root: bytes
    signature: bytes
    """65 bytes: r, s, v, over `metering.packets_digest`."""
    enrolment: Enrolment | None
    """The meter's word for the gateway that signed; None where it has enrolled none and signs for itself."""

    @property
    def vrs(self) -> tuple[int, int, int]:
        """The signature as contracts take it: v, r, s."""
        return _vrs(self.signature)


def signed_order(public: PublicTables, slot: int, member: int) -> SignedOrder | None:
    """What the member (dense index) signed for its order of a slot; None when it has none in the book."""
    row = _row(public, slot, member)
    if row is None:
        return None
    at = int(public.instructed(slot)[row])
    signed = public.instructions.take(np.array([at]))
    return SignedOrder(
        instruction_id=str(public.tables["instructions"]["instruction_id"][at].as_py()),
        account=FIRST_MEMBER + int(signed.member[0]),
        is_sell=bool(signed.is_sell[0]),
        energy_wh=int(signed.energy_wh[0]),
        limit_micro_per_kwh=int(signed.limit_micro_per_kwh[0]),
        first_slot=int(signed.first_slot[0]),
        last_slot=int(signed.last_slot[0]),
        path=int(signed.path[0]),
        salt=int.from_bytes(signed.salt[0].tobytes(), "big"),
        signature=signed.signature[0].tobytes(),
        wallet=public.wallets[int(signed.member[0])],
    )


def book_entry(public: PublicTables, slot: int, member: int) -> BookEntry | None:
    """The member's accepted order of a slot and its path to the root of the book; None when it has none."""
    row = _row(public, slot, member)
    if row is None:
        return None
    book, accepted, nonces, _ = public.orders(slot)
    sealed = commitments(book.take(np.arange(accepted)), nonces, slot)
    siblings, sides = merkle_path(sealed, row)
    return BookEntry(
        slot=slot,
        row=row,
        account=FIRST_MEMBER + member,
        is_sell=bool(book.is_sell[row]),
        energy_wh=int(book.energy_wh[row]),
        limit_micro_per_kwh=int(book.limit_micro_per_kwh[row]),
        source=int(book.source[row]),
        preference=int(book.preference[row]),
        nonce=nonces[row].tobytes(),
        commitment=sealed[row],
        siblings=tuple(siblings),
        sides=sides,
        book_root=merkle_root(sealed),
        orders=accepted,
    )


def packet_evidence(public: PublicTables, slot: int, member: int, revision: int = 0) -> PacketEvidence | None:
    """What the member's meter said of a slot: its newest packet up to `revision`; None while it was silent."""
    for number in sorted((r for r in public.revisions(slot) if r <= revision), reverse=True):
        readings = public.readings(slot, number)
        if member in readings.member[readings.counter >= 0]:
            break
    else:
        return None
    (row,) = np.flatnonzero(readings.member == member).tolist()
    together = (readings.signature == readings.signature[row]).all(axis=1) & (readings.counter >= 0)
    tree = readings.take(together)
    leaves = packet_leaves(slot, tree)
    index = int(np.flatnonzero(tree.member == member)[0])
    siblings, sides = merkle_path(leaves, index)
    return PacketEvidence(
        slot=slot,
        account=FIRST_MEMBER + member,
        counter=int(readings.counter[row]),
        revision=number,
        import_wh=int(readings.import_wh[row]),
        export_wh=int(readings.export_wh[row]),
        packet_hash=readings.packet_hash[row].tobytes(),
        leaf=leaves[index],
        siblings=tuple(siblings),
        sides=sides,
        root=merkle_root(leaves),
        signature=readings.signature[row].tobytes(),
        enrolment=next((e for e in public.enrolments if e.member == member), None),
    )


def _row(public: PublicTables, slot: int, member: int) -> int | None:
    """The place of a member's accepted order in the book of a slot."""
    book, accepted, _, _ = public.orders(slot)
    rows = np.flatnonzero(book.member[:accepted] == member).tolist()
    return rows[0] if rows else None


def _vrs(signature: bytes) -> tuple[int, int, int]:
    return signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
