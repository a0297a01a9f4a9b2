"""Audit: everything a stranger can check of a run from its public folder, each check with what it found."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, balances_nano
from commonwatt.core.columns import Columns
from commonwatt.core.findings import Finding
from commonwatt.core.records import Agreement, Quality, Readings, Reason, Receipt, Statement
from commonwatt.core.tariff import clearing_book
from commonwatt.services.ports import Call, ClearCall, LedgerReader, OpenCall
from commonwatt.services.posting import NO_PRIOR, settle_calls
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.settlement import correction
from commonwatt.venues import book_root, clearing_root, commitments, order_root

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
    ledger: LedgerReader
    final_s: int
    """When the run's last batch was final: balances are read at this instant."""
    only: frozenset[int] | None = None
    """Slots to look at; None for all."""

    @property
    def slots(self) -> list[int]:
        """The slots to look at, ascending."""
        return [s for s in self.public.slots if self.only is None or s in self.only]


def check_readings(audited: Audited) -> Check:
    """Packet hash and signature of every reading; no counter twice, counters rising from slot to slot."""
    public, rules, found, checked = audited.public, audited.rules, [], 0
    if "readings" not in rules.metering.reveals:
        return Check("meter packets", 0, "packets", skipped="the readings are not public at this metering level")
    for slot in audited.slots:
        for revision in public.revisions(slot):
            readings = public.readings(slot, revision)
            packets = readings.take((readings.counter >= 0) & (readings.member >= 0))
            fresh = np.full(len(public.pseudonyms), -1, np.int64)
            found += rules.metering.findings(slot, packets, public.meter_addresses, fresh, rules.community)
            bare = readings.take((readings.counter < 0) & (readings.quality != Quality.SUBSTITUTED))
            found += [
                Finding(
                    f"readings slot {slot} member {public.pseudonyms[m]}",
                    "a signed packet",
                    "a measured value without one",
                )
                for m in bare.member.tolist()
            ]
            checked += len(packets)
    return Check("meter packets: hash, signature, no replay", checked, "packets", tuple(found + _replays(public)))


def _replays(public: PublicTables) -> list[Finding]:
    used: dict[tuple[str, int], int] = {}
    found = []
    table = public.tables["readings"]
    rows = zip(*(table[name].to_pylist() for name in ("slot", "member", "counter", "revision")), strict=True)
    last: dict[str, int] = {}
    for slot, member, counter, revision in sorted(rows):
        if counter < 0:
            continue
        if (member, counter) in used:
            found.append(
                Finding(
                    f"readings slot {slot} member {member} counter",
                    "a counter used once",
                    f"{counter}, also in slot {used[member, counter]}",
                )
            )
        if revision == 0 and counter <= last.get(member, -1):
            found.append(
                Finding(f"readings slot {slot} member {member} counter", f"above {last[member]}", str(counter))
            )
        used[member, counter] = slot
        if revision == 0:
            last[member] = counter
    return found


def check_clearing(audited: Audited) -> Check:
    """The published orders, cleared again, give the published trades."""
    public, rules, found, slots = audited.public, audited.rules, [], 0
    for slot in audited.slots:
        book, accepted, _, reason = public.orders(slot)
        agreement, _ = public.agreement(slot)
        if np.isin(reason, (Reason.SLOT_FAILED, Reason.CURTAILED)).any():
            # Void, or cut by the grid: the roots and the statements still have to agree, the mechanism does not.
            continue
        slots += 1
        orders = book.take(np.arange(accepted))
        again = rules.clearing.clear(clearing_book(orders, rules.rates(slot)), rules.clearing_context(slot))
        found += _differences(f"trades slot {slot}", again.trades, agreement.trades)
    return Check("orders cleared again give the same trades", slots, "slots", tuple(found))


def check_roots(audited: Audited) -> Check:
    """What the chain holds of every slot is what the public tables say: roots of orders and trades, hashes of postings."""
    found = []
    on_chain = {(r.kind, r.slot, r.revision, r.part): r.content_hash for r in audited.ledger.receipts()}
    expected = 0
    for slot in audited.slots:
        for call in _calls(audited, slot):
            kind, revision, part = _place(call)
            expected += 1
            recomputed = audited.ledger.content_hash(call).hex()
            recorded = on_chain.get((kind, slot, revision, part), "nothing").removeprefix("0x")
            if recomputed != recorded:
                where = f"chain slot {slot} {kind} revision {revision} part {part}"
                found.append(Finding(where, f"the public tables' content hash {recomputed[:16]}…", f"{recorded[:16]}…"))
    return Check("the chain holds these orders, trades and postings", expected, "hashes", tuple(found))


def _calls(audited: Audited, slot: int) -> list[Call]:
    public = audited.public
    book, accepted, nonces, _ = public.orders(slot)
    orders = book.take(np.arange(accepted))
    agreement, _ = public.agreement(slot)
    calls: list[Call] = [
        OpenCall(slot, book_root(commitments(orders, nonces, slot)), accepted),
        ClearCall(slot, order_root(orders, slot), clearing_root(agreement.trades, slot)),
    ]
    prior = NO_PRIOR
    for revision in public.revisions(slot):
        statement = Statement(
            slot, revision, public.legs(slot, revision), public.postings(slot, revision), np.zeros(0, np.int64)
        )
        parts = settle_calls(statement, prior)
        prior = audited.ledger.content_hash(parts[0])
        calls += parts
    return calls


def _place(call: Call) -> tuple[str, int, int]:
    if isinstance(call, OpenCall):
        return "open", 0, 0
    if isinstance(call, ClearCall):
        return "clear", 0, 0
    return "settle", getattr(call, "revision", 0), getattr(call, "part", 0)


def check_statements(audited: Audited) -> Check:
    """Trades, readings and tariff, settled again, give the published statements and postings."""
    public, rules, found = audited.public, audited.rules, []
    rewards = lines = 0
    for slot in public.slots:
        readings = public.readings(slot, 0)
        book, _, _, reason = public.orders(slot)
        agreement, delivered = public.agreement(slot)
        if (reason == Reason.SLOT_FAILED).any():
            agreement = Agreement.nothing(len(book), Reason.SLOT_FAILED)
        context = rules.settlement_context(slot, len(public.pseudonyms), rewards)
        again = rules.settlement.settle(book, agreement, readings, context)
        postings = public.postings(slot)
        rewards += int(balances_nano(postings, FIRST_MEMBER + len(public.pseudonyms))[Account.REWARDS])
        if audited.only is not None and slot not in audited.only:
            continue
        legs = public.legs(slot, 0)
        lines += len(legs)
        found += _differences(f"statements slot {slot}", again.legs, legs)
        found += _differences(f"postings slot {slot}", again.postings, postings)
        if len(agreement.trades) and not np.array_equal(again.delivered_wh, delivered):
            found.append(
                Finding(f"trades slot {slot} delivered_wh", str(again.delivered_wh.sum()), str(delivered.sum()))
            )
        for revision in public.revisions(slot)[1:]:
            found += _check_revision(audited, slot, revision)
    return Check("trades, readings and tariff settled again give the same bills", lines, "lines", tuple(found))


def _check_revision(audited: Audited, slot: int, revision: int) -> list[Finding]:
    public = audited.public
    new = public.readings(slot, revision)
    old = _newest_before(public, slot, revision, new)
    context = audited.rules.settlement_context(slot, len(public.pseudonyms), 0)
    settled = Statement(slot, 0, public.legs(slot, 0), public.postings(slot), np.zeros(0, np.int64))
    again = correction(settled, revision, old, new, context)
    where = f"statements slot {slot} revision {revision}"
    return _differences(where, again.legs, public.legs(slot, revision)) + _differences(
        where.replace("statements", "postings"), again.postings, public.postings(slot, revision)
    )


def _newest_before(public: PublicTables, slot: int, revision: int, new: Readings) -> Readings:
    newest = public.readings(slot, 0)
    rows = {member: newest.take(np.array([i])) for i, member in enumerate(newest.member.tolist())}
    for earlier in range(1, revision):
        if earlier in public.revisions(slot):
            table = public.readings(slot, earlier)
            rows |= {member: table.take(np.array([i])) for i, member in enumerate(table.member.tolist())}
    return Readings.joined(rows[member] for member in new.member.tolist())


def check_balances(audited: Audited) -> Check:
    """Statements, postings and the contracts' own storage agree account by account."""
    public, ledger, found = audited.public, audited.ledger, []
    balances, deposits = ledger.balances(audited.final_s), ledger.deposits()
    stored = balances.free_nano + balances.pending_nano - deposits
    postings = public.postings()
    posted = balances_nano(postings.take(postings.kind != Kind.WHOLESALE), FIRST_MEMBER + len(public.pseudonyms))
    billed = np.zeros(len(public.pseudonyms), np.int64)
    index = {name: number for number, name in enumerate(public.pseudonyms)}
    table = public.tables["statements"]
    for member, amount in zip(table["member"].to_pylist(), table["amount_nano"].to_pylist(), strict=True):
        billed[index[member]] += amount
    for number in range(len(posted)):
        if posted[number] != stored[number]:
            found.append(
                Finding(f"account {number}", f"the chain's {stored[number]} nano", f"{posted[number]} in postings")
            )
    for number in np.flatnonzero(billed != posted[FIRST_MEMBER:]).tolist():
        found.append(
            Finding(
                f"member {public.pseudonyms[number]}",
                f"{posted[FIRST_MEMBER + number]} nano as posted",
                f"{billed[number]} in statements",
            )
        )
    return Check("statements = postings = balances on the chain", len(posted), "accounts", tuple(found))


def check_receipts(audited: Audited) -> Check:
    """The published receipts are the chain's."""
    table = audited.public.tables["receipts"]
    names = table.column_names
    published = [tuple(row[name] for name in names) for row in table.to_pylist()]
    recorded = [_row(r, names) for r in audited.ledger.receipts() if r.kind in ("open", "clear", "settle")]
    found = [
        Finding(f"receipts row {row}", str(is_), str(says))
        for row, (is_, says) in enumerate(zip(recorded, published, strict=False))
        if is_ != says
    ]
    if len(published) != len(recorded):
        found.append(Finding("receipts", f"the chain's {len(recorded)} rows", str(len(published))))
    return Check("receipts are the chain's", len(recorded), "receipts", tuple(found))


def _row(receipt: Receipt, names: list[str]) -> tuple[object, ...]:
    return tuple(getattr(receipt, name) for name in names)


def _differences(where: str, again: Columns, published: Columns) -> list[Finding]:
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


CHECKS: tuple[Callable[[Audited], Check], ...] = (
    check_readings,
    check_clearing,
    check_roots,
    check_statements,
    check_balances,
    check_receipts,
)
"""Checks of the public tables; those of the files and of the chain itself come before them."""
