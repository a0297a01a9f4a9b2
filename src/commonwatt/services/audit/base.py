"""What an audit works on, what one of its checks says, and how two tables are compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from commonwatt.contracts.encoding import TRADES
from commonwatt.core.columns import Columns
from commonwatt.core.events import Events
from commonwatt.core.findings import Finding
from commonwatt.core.records import Exchange
from commonwatt.core.units import Ints
from commonwatt.services.claims import ClaimsReader, Demand, Revocation
from commonwatt.services.deviating import PublishedErrors, published_deviation
from commonwatt.services.enrolment import is_enrolled, packet_signers
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.ports import Batch
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.venues import Meeting

T = TypeVar("T")

VOID_CALL, EXPIRE_CALL = "market.void", "claims.expire"

SHOWN = 8
"""Findings of one check that are spelled out; the rest are counted."""


@dataclass(frozen=True)
class Check:
    """One check of an audit."""

    name: str
    checked: int
    """How many things were looked at."""
    unit: str
    findings: tuple[Finding, ...] = ()
    note: str = ""
    """What a reader should know although it is no finding."""
    skipped: str = ""
    """Why it could not be made at this run's metering level or stage; empty when it was."""

    @property
    def passed(self) -> bool:
        """Nothing was found (a check that could not be made has not failed)."""
        return not self.findings


@dataclass(frozen=True)
class Audited:
    """What an audit works on."""

    rules: Rules
    public: PublicTables
    ledger: ClaimsReader
    final_s: int
    """When the run's last batch was final: balances are read at this instant."""
    only: frozenset[int] | None = None
    """Slots to look at; None for all."""
    at: Callable[[int], None] = lambda _: None
    """Told how many slots a check is done with."""

    @cached_property
    def packet_signers(self) -> tuple[tuple[bytes, ...], ...]:
        """By member index the addresses that may sign its packets: its meter's, then that of a gateway which the meter's signature enrolled."""
        keys, community = self.public.meter_addresses, self.rules.community
        return packet_signers(keys, [e for e in self.public.enrolments if is_enrolled(e, keys, community)])

    @cached_property
    def has_claims(self) -> bool:
        """Whether anybody ever asked the claims for anything, or a batch was voided."""
        return any(e.call.startswith("claims.") or e.call == VOID_CALL for e in self.ledger.entries())

    @cached_property
    def revocations(self) -> tuple[Revocation, ...]:
        """What members took back of what they signed, in order."""
        took_back = ("market.cancel", "members.rotate_wallet", "members.finish_recovery")
        is_any = any(e.call in took_back and e.receipt.status == 1 for e in self.ledger.entries())
        return self.ledger.revocations() if is_any else ()

    @cached_property
    def opened_s(self) -> dict[int, int]:
        """By slot when the ledger says that it was opened."""
        return {e.receipt.slot: e.time_s for e in self.ledger.entries() if e.call == "open" and e.receipt.status == 1}

    @cached_property
    def demands(self) -> tuple[Demand, ...]:
        """Every demand on the chain, in order."""
        return tuple(self.ledger.demands()) if self.has_claims else ()

    @cached_property
    def claimed_batches(self) -> tuple[Batch, ...]:
        """Every batch of the chain in order, voided ones included; none where nobody ever claimed anything: then each stands as it was posted."""
        return tuple(self.ledger.batches()) if self.has_claims else ()

    @cached_property
    def standing_batches(self) -> dict[tuple[int, int, int], Batch]:
        """By slot, revision and part the settlement that stands, where anybody claimed anything."""
        return {(b.slot, b.revision, b.part): b for b in self.claimed_batches if not b.is_void and b.kind != TRADES}

    @cached_property
    def void_contents(self) -> frozenset[str]:
        """Content hashes (`0x...`) of the batches that were voided."""
        return frozenset("0x" + batch.content_hash.hex() for batch in self.claimed_batches if batch.is_void)

    @cached_property
    def founding_nano(self) -> Ints:
        """What was paid into every account by number at the foundation."""
        deposits = self.ledger.deposits().copy()
        for account, nano in (paid for entry in self.ledger.entries() for paid in entry.paid_nano):
            deposits[account] -= nano
        return deposits

    @cached_property
    def errors(self) -> PublishedErrors:
        """Members' forecast errors before each slot."""
        return PublishedErrors(self.public, self.rules)

    @property
    def slots(self) -> list[int]:
        """The slots to look at, ascending."""
        return [s for s in self.public.slots if self.only is None or s in self.only]

    def each_slot(self) -> Iterator[int]:
        """The slots to look at, one after the other, for checks that take their time."""
        for done, slot in enumerate(self.slots):
            self.at(done)
            yield slot


def met_again(
    public: PublicTables, rules: Rules, slot: int, exchange: Exchange | None = None, events: Events | None = None
) -> Meeting:
    """How the published orders of a slot meet; `exchange` and `events` None: with what crossed, and by the events, as published.

    Raises:
        ValueError: events of another form.
        BrokenPromise: an agreement that breaks a promise.

    """
    book, accepted, nonces, _ = public.orders(slot)
    crossed = public.exchange(slot) if exchange is None else exchange
    lately = published_deviation(public, rules, slot)
    told = public.events(slot)[0] if events is None else events
    return rules.met(slot, book.take(np.arange(accepted)), told, nonces, crossed, lately)


def recomputed(where: str, step: Callable[..., T], *arguments: object) -> tuple[T | None, list[Finding]]:
    """What a room says to published rows; a finding where they are such that it cannot (a tampered file may hold anything)."""
    try:
        return step(*arguments), []
    except ROOM_FAILURES as error:
        return None, [Finding(where, "rows that can be computed again", f"{type(error).__name__}: {error}")]


def differences(where: str, again: Columns, published: Columns) -> list[Finding]:
    """Rows that differ, order aside: what was computed again against what was published."""
    computed, says = (_rows(table) for table in (again, published))
    names = list(again.arrays())
    missing = sorted(set(computed) - set(says))
    extra = sorted(set(says) - set(computed))
    if computed != says and not missing and not extra:
        return [Finding(where, f"{len(computed)} rows", f"{len(says)} rows")]
    pairs = [(str(dict(zip(names, row, strict=True))), "no such row") for row in missing]
    if extra:
        found = [str(dict(zip(names, row, strict=True))) for row in extra]
        pairs = [(p[0], f) for p, f in zip(pairs + [("no such row", "")] * len(found), found, strict=False)]
    return [Finding(where, expected, was) for expected, was in pairs]


def _rows(table: Columns) -> list[tuple[int, ...]]:
    return sorted(zip(*(array.tolist() for array in table.arrays().values()), strict=True))
