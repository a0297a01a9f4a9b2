"""What stands behind lines, for tests of demands: signed orders and their book, packets and who signed them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from tests.fakes.contract_world import COMMUNITY, FIRST_SLOT, NO_HASH, Batch, World, address_of, sign

from commonwatt.contracts import encoding
from commonwatt.core.determinism import merkle_path, merkle_root

Signature = tuple[int, int, int]
NOBODY: Signature = (0, 0, 0)


@dataclass(frozen=True)
class Wish:
    """A member's signed order and its entry in the book of one slot."""

    member: int
    is_sell: bool
    energy_wh: int = 1000
    limit: int = 150_000
    first_slot: int = FIRST_SLOT
    last_slot: int = FIRST_SLOT
    path: int = encoding.PATH_NET
    entry_wh: int | None = None
    entry_limit: int | None = None
    salt: int = 1
    nonce: bytes = NO_HASH

    @property
    def order(self) -> tuple[Any, ...]:
        """The order as the contracts take it."""
        return (
            self.member,
            self.is_sell,
            self.energy_wh,
            self.limit,
            self.first_slot,
            self.last_slot,
            self.path,
            self.salt,
        )

    @property
    def entry(self) -> tuple[Any, ...]:
        """The entry as the claims take it."""
        energy = self.energy_wh if self.entry_wh is None else self.entry_wh
        return energy, self.limit if self.entry_limit is None else self.entry_limit, 2, 1, self.nonce

    @property
    def fields(self) -> dict[str, Any]:
        """The order as `encoding` takes it."""
        return {
            "member": self.member,
            "is_sell": self.is_sell,
            "energy_wh": self.energy_wh,
            "limit_micro_per_kwh": self.limit,
            "first_slot": self.first_slot,
            "last_slot": self.last_slot,
            "path": self.path,
            "salt": self.salt.to_bytes(32, "big"),
        }

    def commitment(self, slot: int = FIRST_SLOT) -> bytes:
        """What seals the entry in the book of a slot."""
        energy, limit, source, preference, nonce = self.entry
        row = struct.pack(">16sqqbqqbb", b"commonwatt/order", slot, self.member - 8, self.is_sell, energy, limit, source, preference)  # fmt: skip
        return sha256(row + nonce).digest()

    def signature(self, world: World, name: str | None = None) -> Signature:
        """The member's signature, or another's."""
        return sign(name or f"member {self.member}", encoding.order_digest(world.domain(), **self.fields))

    def signed(self, world: World, name: str | None = None) -> tuple[Any, ...]:
        """The order with its signature, as `settle_trades` takes it."""
        return (self.order, *self.signature(world, name))


@dataclass(frozen=True)
class Book:
    """The sealed orders of a slot."""

    wishes: Sequence[Wish]
    slot: int = FIRST_SLOT

    @property
    def leaves(self) -> list[bytes]:
        """Commitments in order."""
        return [wish.commitment(self.slot) for wish in self.wishes]

    def announce(self, world: World) -> None:
        """Have the world open the slot with this book."""
        world.books[self.slot] = (merkle_root(self.leaves), len(self.wishes))

    def proof(self, at: int) -> tuple[Any, ...]:
        """Where an entry stands, as the claims take it."""
        siblings, sides = merkle_path(self.leaves, at)
        return siblings, sides, merkle_root(self.leaves), len(self.wishes)


@dataclass(frozen=True)
class Said:
    """What meters said of a slot, signed by one of them or by a gateway."""

    member: int
    import_wh: int = 0
    export_wh: int = 0
    revision: int = 0
    slot: int = FIRST_SLOT
    signer: str = ""
    """Empty: the meter itself."""
    enrolled: bool = True
    others: Sequence[bytes] = ()
    """Leaves of the gateway's other meters."""
    silent: Sequence[Signature] = ()

    @property
    def leaf(self) -> bytes:
        """Body and hash of the packet."""
        values = (self.member - 8, self.slot, 7, self.revision, self.import_wh, self.export_wh)
        return struct.pack(">6q", *values) + encoding.keccak256(b"packet")

    def packet(self) -> tuple[Any, ...]:
        """As the claims take it."""
        leaves = [*self.others, self.leaf]
        siblings, sides = merkle_path(leaves, len(self.others))
        root = merkle_root(leaves)
        digest = sha256(
            b"commonwatt/packets/1".ljust(32, b"\0") + COMMUNITY + self.slot.to_bytes(32, "big") + root
        ).digest()
        enrolment = NOBODY
        if self.signer and self.enrolled:
            gateway = address_of(self.signer).rjust(32, b"\0")
            enrolled = sha256(b"commonwatt/gateway/1".ljust(32, b"\0") + COMMUNITY + gateway).digest()
            enrolment = sign(f"meter {self.member}", enrolled)
        signature = sign(self.signer or f"meter {self.member}", digest)
        if self.silent:
            signature, enrolment = NOBODY, NOBODY
        return (
            self.revision,
            7,
            self.import_wh,
            self.export_wh,
            encoding.keccak256(b"packet"),
            siblings,
            sides,
            signature,
            enrolment,
            list(self.silent),
        )

    def silenced(self, world: World, names: Sequence[str] | None = None) -> "Said":
        """The same as a quorum's word for a silent meter."""
        digest = encoding.silent_digest(world.domain(), self.slot, self.member, self.import_wh, self.export_wh)
        return replace(self, silent=world.signatures(digest, names))


NOTHING_BEFORE = Said(8).packet()


@dataclass
class Asker:
    """Demands and answers on one world; `nano` pays the members' bonds."""

    world: World
    nano: int = 10**9
    asked: list[bytes] = field(default_factory=list)

    def demand(self, batch: Batch, line: int, side: int, who: int = 11, sender: bytes | None = None) -> bytes:
        """Demand a line by a member's wallet, with money enough."""
        if self.world.account(who)[0] < self.nano:
            self.world.deposit(who, self.nano)
        wallet = self.world.wallet(who) if sender is None else sender
        found: bytes = self.world.claims.call("demand", batch.place, batch.lines, line, side, who, sender=wallet)
        self.asked.append(found)
        return found

    def answer(self, demand: bytes, book: Book, at: int, **changed: Any) -> None:
        """Answer with an order of the book; `changed` are arguments to be other than right."""
        wish = book.wishes[at]
        right = {
            "order": wish.order,
            "signature": wish.signature(self.world),
            "entry": wish.entry,
            "proof": book.proof(at),
        }
        self.world.claims.call("answer_order", demand, *(right | changed).values(), sender=self.world.operator)

    def feed(self, demand: bytes, *batches: Batch, sender: bytes | None = None) -> None:
        """Feed batches to a position."""
        for batch in batches:
            self.world.claims.call("feed", demand, batch.place, batch.lines, sender=sender or self.world.operator)

    def answer_position(
        self, demand: bytes, now: Said, before: Said | None = None, sender: bytes | None = None
    ) -> None:
        """Answer with what a meter said."""
        earlier = before.packet() if before else NOTHING_BEFORE
        self.world.claims.call("answer_position", demand, now.packet(), earlier, sender=sender or self.world.operator)

    def expire(self, demand: bytes, batch: Batch) -> None:
        """Void the batch of an unanswered demand."""
        self.world.claims.call("expire", demand, batch.place, batch.lines)

    def state(self, demand: bytes) -> int:
        """0 none, 1 open, 2 answered, 3 expired, 4 reclaimed."""
        return int(self.world.claims.call("demand_of", demand)[0])
