"""Audit of what no recomputation shows: the ledger's foundation, what else is on it, what is missing, what was refused or void."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.accounts import Account
from commonwatt.core.determinism import merkle_root
from commonwatt.core.findings import Finding
from commonwatt.core.orders import SETTLE_TRADES
from commonwatt.core.records import Quality
from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.anchoring import PERIOD_ANCHOR
from commonwatt.services.audit.base import VOID_CALL, Audited, Check
from commonwatt.services.ports import Entry, LedgerTerms
from commonwatt.services.rules import EX_ANTE
from commonwatt.services.run import RUN_ANCHOR

Place = tuple[str, int, int, int]
"""Kind, slot, revision, part of a posting."""


OTHER = "genesis"
"""Kind of the receipt of a transaction that posts nothing: of the foundation, a deposit, a claim, whatever others sent."""


@dataclass(frozen=True)
class Claimed:
    """A run as its public folder tells it: the tables, and what the ledger should have been founded on."""

    audited: Audited
    terms: LedgerTerms
    """As settings and the members' table give them; deposits as the ledger took them."""
    slots: range
    """The run's slots by `inputs.json`."""
    may_fail: str = ""
    """Why an auditor cannot tell whether a slot failed with reason; empty when clearing and settlement are all that can fail."""
    federation: str = ""
    """Which one the run belongs to, by `inputs.json`; empty when it is by itself."""


def check_foundation(claimed: Claimed) -> Check:
    """Every transaction of the foundation is the one that follows from the public terms, byte for byte."""
    rules = claimed.audited.rules
    founded_s = rules.slots.start_s(claimed.slots.start) - rules.slots.slot_s
    found = claimed.audited.ledger.foundation_findings(claimed.terms, founded_s)
    return Check(
        "the ledger was founded on these terms and members", len(claimed.terms.members), "members", tuple(found)
    )


def check_entries(claimed: Claimed) -> Check:
    """After its foundation the ledger holds each posting once, accepted, in its time, and nothing else but what others may send."""
    entries = list(claimed.audited.ledger.entries())
    allowed = _allowed(claimed)
    by_trades = claimed.audited.rules.path == SETTLE_TRADES
    postings = ("open", "clear", *(("trades", "rest") if by_trades else ("settle",)), "supplied", "anchor")
    found = []
    seen: Counter[Place] = Counter()
    others: Counter[str] = Counter()
    for entry in entries:
        receipt, where = (
            entry.receipt,
            f"chain block {entry.receipt.block} transaction {entry.receipt.transaction[:18]}…",
        )
        if entry.call == "deposit":
            found += _deposit_findings(entry, where)
            continue
        if not entry.by_operator and entry.call not in (*postings, *_WITH_LEAVE):
            # A contract asks who calls: what it did for another wallet is that wallet's right, and in the balances; the rest it refused.
            others[entry.call] += 1
            continue
        if entry.call.startswith("claims.") or (entry.call == VOID_CALL and receipt.status == 1):
            # A void needs the quorum. What it did is in the balances, and in `check_unanswered`.
            continue
        if entry.call not in postings:
            found.append(Finding(where, "a posting of a slot or an anchor", entry.call))
            continue
        if not entry.by_operator:
            found.append(Finding(where, "the operator's", "another sender's"))
        place = (receipt.kind, receipt.slot, receipt.revision, receipt.part)
        if receipt.status != 1:
            found.append(Finding(f"{where} ({_named(place)})", "a posting that was accepted", receipt.reason))
            continue
        seen[place] += 1
        if receipt.kind != "anchor" and (receipt.kind, receipt.slot, receipt.revision) not in allowed:
            found.append(Finding(where, "a posting of the tables", _named(place)))
        found += _time_findings(claimed, entry, where)
    void = Counter(("settle", b.slot, b.revision, b.part) for b in claimed.audited.claimed_batches if b.is_void)
    found += [
        Finding(
            f"chain {_named(place)}", f"posted {1 + void[place]} times" if void[place] else "posted once", f"{n} times"
        )
        for place, n in seen.items()
        if n > 1 + void[place]
    ]
    found += _anchor_findings(claimed, entries)
    name = "the chain holds nothing else, each thing once, in its time"
    notes = [note for note in (_top_ups(claimed, entries), _told(others)) if note]
    return Check(name, len(entries), "transactions", tuple(found), note="; ".join(notes))


_WITH_LEAVE = ("members.accept_regulator",)
"""What another wallet can do only if the operator gave it its own rights."""


def _told(others: Counter[str]) -> str:
    """What others sent besides claims, in words; nothing when nothing."""
    told = [f"{count} {call}" for call, count in sorted(others.items()) if not call.startswith("claims.")]
    return f"sent by others, as the contracts let any wallet: {', '.join(told)}" if told else ""


def _deposit_findings(entry: Entry, where: str) -> list[Finding]:
    """Nobody but the supplier is paid in after the foundation, and by the operator, whose word it is that the money came."""
    found = []
    if any(account != Account.SUPPLIER for account, _ in entry.paid_nano):
        found.append(Finding(where, "a deposit of the supplier", "of another account"))
    if not entry.by_operator:
        found.append(Finding(where, "the operator's", "another sender's"))
    if entry.receipt.status != 1:
        found.append(Finding(where, "a deposit that was accepted", entry.receipt.reason))
    return found


def _top_ups(claimed: Claimed, entries: list[Entry]) -> str:
    """What was paid in after the foundation and when, in words; nothing when nothing was."""
    paid = [
        f"{nano / NANO_PER_UNIT:.9f} for slot {claimed.audited.rules.slots.slot_of(entry.time_s) - 1}"
        for entry in entries
        if entry.call == "deposit"
        for _, nano in entry.paid_nano
    ]
    return f"paid into the supplier's deposit during the run: {', '.join(paid)}" if paid else ""


def _allowed(claimed: Claimed) -> set[tuple[str, int, int]]:
    public = claimed.audited.public
    places = {(kind, slot, 0) for slot in public.slots for kind in ("open", "clear")}
    places |= {("trades", slot, 0) for slot in public.slots}
    return places | {("settle", slot, revision) for slot in public.slots for revision in public.revisions(slot)}


def _named(place: Place) -> str:
    kind, slot, revision, part = place
    return f"{kind} {slot} revision {revision} part {part}"


def _time_findings(claimed: Claimed, entry: Entry, where: str) -> list[Finding]:
    """Orders and trades are fixed by the gate's grace; the contract itself refuses to settle before a slot's end."""
    rules = claimed.audited.rules
    if rules.timing != EX_ANTE or entry.call not in ("open", "clear"):
        return []
    gate_s = rules.gate_s(entry.receipt.slot)
    if entry.time_s <= gate_s:
        return []
    return [Finding(where, f"{entry.call} of slot {entry.receipt.slot} by its gate, {gate_s} s", f"{entry.time_s} s")]


def _anchor_findings(claimed: Claimed, entries: list[Entry]) -> list[Finding]:
    """One anchor a period, over what was posted since the last; one of the run, at the end."""
    rules, slots = claimed.audited.rules, claimed.slots
    period_s = rules.audit_period_s
    expected = [
        (rules.slots.start_s(slot + 1) // period_s - 1, PERIOD_ANCHOR)
        for slot in slots
        if rules.slots.start_s(slot + 1) % period_s == 0
    ]
    expected.append(((rules.slots.start_s(slots.stop) - 1) // period_s, RUN_ANCHOR))
    found, leaves = [], []
    anchors = []
    for entry in entries:
        receipt = entry.receipt
        if receipt.kind == OTHER:
            continue
        if receipt.kind != "anchor":
            leaves.append(bytes.fromhex(receipt.content_hash[2:]))
            continue
        anchors.append((receipt.slot, receipt.revision))
        if receipt.revision == PERIOD_ANCHOR:
            root = "0x" + merkle_root(leaves).hex()
            if root != receipt.content_hash:
                where = f"chain anchor of period {receipt.slot}"
                found.append(
                    Finding(where, f"the root of what was posted, {root[:18]}…", f"{receipt.content_hash[:18]}…")
                )
            leaves = []
    if anchors != expected:
        found.append(Finding("chain anchors (period, kind)", str(expected), str(anchors)))
    return found


def check_coverage(claimed: Claimed) -> Check:
    """Every slot of the run is there, with one reading a member; no table speaks of others; no packet is missing."""
    public, members = claimed.audited.public, len(claimed.audited.public.pseudonyms)
    found = []
    if public.slots != list(claimed.slots):
        expected = f"every slot of {claimed.slots.start}..{claimed.slots.stop - 1}"
        found.append(Finding("slots", expected, f"{len(public.slots)} slots, {public.slots[:1]}..{public.slots[-1:]}"))
    for name, table in public.tables.items():
        if "slot" in table.column_names:
            strange = sorted(set(pc.unique(table["slot"]).to_pylist()) - set(claimed.slots))
            found += [Finding(f"{name} slot", "a slot of the run", str(slot)) for slot in strange]
        found += _stranger_findings(name, table, public.pseudonyms)
    if len(set(public.pseudonyms)) != members:
        found.append(Finding("members", "every member once", "one twice"))
    for slot in public.slots:
        rows = public.readings(slot, 0).member
        if not np.array_equal(rows, np.arange(members)):
            found.append(Finding(f"readings slot {slot}", f"one of each of {members} members", f"{len(rows)} rows"))
        found += _correction_findings(claimed, slot)
    return Check(
        "every slot, member and packet is there", len(claimed.slots), "slots", tuple(found + _gap_findings(claimed))
    )


def _stranger_findings(name: str, table: pa.Table, pseudonyms: list[str]) -> list[Finding]:
    known = pa.array(pseudonyms, pa.string())
    found = []
    for column in {"member", "seller", "buyer"} & set(table.column_names):
        names = pc.unique(table[column].drop_null())
        strange = names.filter(pc.invert(pc.is_in(names, value_set=known))).to_pylist()
        found += [Finding(f"{name} {column}", "a member of the run", str(who)) for who in strange]
    return found


def _correction_findings(claimed: Claimed, slot: int) -> list[Finding]:
    """A correction replaces a substitute or a value by a packet of the meter, never by the operator's word."""
    public, found = claimed.audited.public, []
    revisions = public.revisions(slot)
    if revisions != list(range(len(revisions))):
        found.append(Finding(f"readings slot {slot} revision", "0, 1, 2 and so on", str(revisions)))
    for revision in revisions[1:]:
        readings = public.readings(slot, revision)
        bare = (readings.counter < 0) | (readings.quality != Quality.CORRECTED)
        for member in readings.member[bare].tolist():
            where = f"readings slot {slot} revision {revision} member {public.pseudonyms[member]}"
            found.append(Finding(where, "a signed packet, corrected", "a value without one, or of other quality"))
        if len(np.unique(readings.member)) != len(readings):
            found.append(Finding(f"readings slot {slot} revision {revision}", "a member once", "one twice"))
    return found


def _gap_findings(claimed: Claimed) -> list[Finding]:
    """A meter counts its packets from 0: a number nobody has seen is a packet that was made and is not shown."""
    public, found = claimed.audited.public, []
    parts = [np.stack(part[1:3]) for part in public.counter_parts()]
    member, counter = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.int64)
    pairs = np.unique(np.stack([member, counter], axis=1)[counter >= 0], axis=0)
    for index, name in enumerate(public.pseudonyms):
        seen = pairs[pairs[:, 0] == index, 1]
        newest = int(seen[-1]) if len(seen) else -1
        missing = newest + 1 - len(seen)
        if missing:
            first = int(np.append(np.flatnonzero(seen != np.arange(len(seen))), len(seen))[0])
            shown = f"{first} is not there" + (f", nor {missing - 1} others" if missing > 1 else "")
            found.append(Finding(f"readings member {name} counter", f"every number to {newest}", shown))
    return found
