"""Every slot computed again from the public tables: meter packets, clearing, settlement and corrections."""

import numpy as np

from commonwatt.core.events import EventOutcome
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Readings, Reason, Statement, Trades, with_filled
from commonwatt.core.units import Ints
from commonwatt.services.audit.base import Audited, Check, differences, met_again, recomputed
from commonwatt.services.audit.pools import rewards_before
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.words import several
from commonwatt.settlement import correction


def check_readings(audited: Audited) -> Check:
    """Packet hash and signature of every reading; no counter twice, counters rising from slot to slot."""
    public, rules, found, checked = audited.public, audited.rules, [], 0
    if "readings" not in rules.metering.reveals:
        return Check("meter packets", 0, "packets", skipped="the readings are not public at this metering level")
    fresh = np.full(len(public.pseudonyms), -1, np.int64)
    for slot in audited.each_slot():
        for revision in public.revisions(slot):
            readings = public.readings(slot, revision)
            found += rules.metering.findings(slot, readings, audited.packet_signers, fresh, rules.community)
            checked += int((readings.counter >= 0).sum())
    return Check("meter packets: hash, signature, no replay", checked, "packets", tuple(found + _replays(public)))


def _replays(public: PublicTables) -> list[Finding]:
    if _rise(public):
        return []
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


def _rise(public: PublicTables) -> bool:
    """Whether each meter's counters rise from slot to slot and none is there twice: all readings at once, the loop says which are not."""
    parts = [np.stack(part) for part in public.counter_parts()]
    if not parts:
        return True
    slot, member, counter, revision = np.concatenate(parts, axis=1)
    sent = counter >= 0
    slot, member, counter, revision = slot[sent], member[sent], counter[sent], revision[sent]
    order = np.lexsort((counter, member))
    if ((np.diff(counter[order]) == 0) & (np.diff(member[order]) == 0)).any():
        return False
    first = np.flatnonzero(revision == 0)
    first = first[np.lexsort((counter[first], slot[first], member[first]))]
    return not ((np.diff(counter[first]) <= 0) & (np.diff(member[first]) == 0)).any()


def check_clearing(audited: Audited) -> Check:
    """The published orders, cleared again, give the published trades and reasons; a failed slot delivered nothing."""
    found: list[Finding] = []
    told: list[str] = []
    cleared = failed = sound = refused = 0
    for slot in audited.each_slot():
        book, accepted, _, reason = audited.public.orders(slot)
        refused += len(book) - accepted
        orders, reason = book.take(np.arange(accepted)), reason[:accepted]
        agreement, delivered = audited.public.agreement(slot)
        met, faults = recomputed(f"orders slot {slot}", met_again, audited.public, audited.rules, slot)
        again = met.agreement if met else None
        if (reason == Reason.SLOT_FAILED).any():
            failed += 1
            sound += again is not None
            found += _void_findings(slot, reason, delivered)
            found += _cut_findings(slot, again.trades if again else Trades.empty(), agreement.trades)
            continue
        cleared += 1
        found += faults
        if met is None:
            continue
        if met.agreement.note:
            told.append(f"slot {slot}: {met.agreement.note}")
        more, faults = recomputed(
            f"trades slot {slot}", _agreement_findings, slot, orders, met.agreement, agreement, reason
        )
        found += [*(more or ()), *faults, *_outcome_findings(slot, met.outcome, audited.public.events(slot)[1])]
    # How an answer was found is of interest for slots that somebody asks for; of all of them one shows it.
    notes = told if audited.only is not None else [f"such as {text}" for text in told[-1:]]
    if failed:
        notes.append(
            f"{several(failed, 'slot')} failed, no trade was delivered in them; the orders of {sound} clear without fault when cleared again"
        )
    if refused:
        notes.append(
            f"{several(refused, 'order')} {'was' if refused == 1 else 'were'} refused for their balance, a shut gate or what their members signed"
        )
    return Check("orders cleared again give the same trades", cleared, "slots", tuple(found), "; ".join(notes))


def _void_findings(slot: int, reason: Ints, delivered_wh: Ints) -> list[Finding]:
    found = []
    if (reason != Reason.SLOT_FAILED).any():
        found.append(Finding(f"orders slot {slot} reason", "slot_failed for every accepted order or none", "some"))
    if delivered_wh.any():
        found.append(Finding(f"trades slot {slot} delivered_wh", "0 in a failed slot", str(int(delivered_wh.sum()))))
    return found


def _cut_findings(slot: int, again: Trades, published: Trades) -> list[Finding]:
    """Where the grid cut trades, or the slot failed after its gate, what is left are trades of the mechanism, none of them larger."""
    names = [name for name in again.arrays() if name != "energy_wh"]

    def lines(trades: Trades) -> list[tuple[tuple[int, ...], int]]:
        keys = zip(*(trades.arrays()[name].tolist() for name in names), strict=True)
        return list(zip(keys, trades.energy_wh.tolist(), strict=True))

    room: dict[tuple[int, ...], int] = {}
    for key, energy in lines(again):
        room[key] = room.get(key, 0) + energy
    found = []
    for row, (key, energy) in enumerate(lines(published)):
        room[key] = room.get(key, 0) - energy
        if room[key] < 0:
            found.append(
                Finding(f"trades {slot}-t{row}", "a trade of the mechanism, whole or cut by the grid", f"{energy} Wh")
            )
    return found


def _agreement_findings(
    slot: int, orders: OrderBook, again: Agreement, published: Agreement, reason: Ints
) -> list[Finding]:
    if (reason == Reason.CURTAILED).any():
        found = _cut_findings(slot, again.trades, published.trades)
    else:
        found = differences(f"trades slot {slot}", again.trades, published.trades)
    # What the mechanism filled and the published trades do not was cut by the grid, and says so; nothing else does.
    lost = published.trades.filled_wh(len(orders)) < again.trades.filled_wh(len(orders))
    rest = np.where(lost, int(Reason.CURTAILED), again.reason)
    return found + _reason_findings(slot, with_filled(orders, published.trades, rest).reason, reason)


def _reason_findings(slot: int, again: Ints, published: Ints) -> list[Finding]:
    return [
        Finding(
            f"orders {slot}-o{row} reason",
            Reason(int(again[row])).name.lower(),
            Reason(int(published[row])).name.lower(),
        )
        for row in np.flatnonzero(again != published).tolist()
    ]


def _outcome_findings(slot: int, again: Ints, published: Ints) -> list[Finding]:
    return [
        Finding(
            f"events slot {slot} sequence {row} outcome",
            EventOutcome(int(again[row])).name.lower(),
            EventOutcome(int(published[row])).name.lower(),
        )
        for row in np.flatnonzero(again != published).tolist()
    ]


def check_statements(audited: Audited) -> Check:
    """Trades, readings and tariff, settled again, give the published statements and postings."""
    public, found = audited.public, []
    rewards, lines = rewards_before(audited), 0
    for slot in audited.each_slot():
        postings = public.postings(slot)
        legs = public.legs(slot, 0)
        lines += len(legs)
        where = f"slot {slot}"
        again, faults = recomputed(where, _settled, audited, slot, rewards[slot])
        found += faults
        if again is not None:
            found += differences(f"statements {where}", again.legs, legs)
            found += differences(f"postings {where}", again.postings, postings)
            _, delivered = public.agreement(slot)
            # A failed slot has no trades to settle: then nothing may have been delivered (`check_clearing`).
            if len(again.delivered_wh) == len(delivered):
                found += _delivery_findings(slot, again.delivered_wh, delivered)
        for revision in public.revisions(slot)[1:]:
            more, faults = recomputed(f"{where} revision {revision}", _revision_findings, audited, slot, revision)
            found += [*(more or ()), *faults]
    return Check("trades, readings and tariff settled again give the same bills", lines, "lines", tuple(found))


def _settled(audited: Audited, slot: int, rewards_nano: int) -> Statement:
    public, rules = audited.public, audited.rules
    book, accepted, _, reason = public.orders(slot)
    agreement, _ = public.agreement(slot)
    if (reason[:accepted] == Reason.SLOT_FAILED).any():
        agreement = Agreement.nothing(len(book), Reason.SLOT_FAILED)
    errors_mwh, members = audited.errors.before(slot), len(public.pseudonyms)
    exchange, lost_wh = public.exchange(slot), public.losses_wh(slot)
    context = rules.settlement_context(slot, members, rewards_nano, exchange, errors_mwh, lost_wh)
    return rules.settlement.settle(book, agreement, public.readings(slot, 0), context)


def _delivery_findings(slot: int, again: Ints, published: Ints) -> list[Finding]:
    return [
        Finding(f"trades {slot}-t{row} delivered_wh", str(again[row]), str(published[row]))
        for row in np.flatnonzero(again != published).tolist()
    ]


def _revision_findings(audited: Audited, slot: int, revision: int) -> list[Finding]:
    public = audited.public
    new = public.readings(slot, revision)
    old = newest_before(public, slot, revision, new)
    context = audited.rules.settlement_context(slot, len(public.pseudonyms), 0)
    settled = Statement(slot, 0, public.legs(slot, 0), public.postings(slot), np.zeros(0, np.int64))
    again = correction(settled, revision, old, new, context)
    where = f"statements slot {slot} revision {revision}"
    return differences(where, again.legs, public.legs(slot, revision)) + differences(
        where.replace("statements", "postings"), again.postings, public.postings(slot, revision)
    )


def newest_before(public: PublicTables, slot: int, revision: int, new: Readings) -> Readings:
    """What the members of a correction were settled on before it."""
    newest = public.readings(slot, 0)
    rows = {member: newest.take(np.array([i])) for i, member in enumerate(newest.member.tolist())}
    for earlier in range(1, revision):
        if earlier in public.revisions(slot):
            table = public.readings(slot, earlier)
            rows |= {member: table.take(np.array([i])) for i, member in enumerate(table.member.tolist())}
    return Readings.joined(rows[member] for member in new.member.tolist())
