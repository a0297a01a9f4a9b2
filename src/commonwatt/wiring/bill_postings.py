"""What a stranger checks of a bill against the chain: what was posted to the member, and that nothing of the period is left out."""

from collections.abc import Sequence

from commonwatt.adapters.ledger.calldata import PostedLine, read_lines, word
from commonwatt.adapters.ledger.evidence import Booked
from commonwatt.contracts.encoding import IMBALANCE, SETTLEMENT, SUPPLIED
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.findings import Finding
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.services.billing.bill import Entry, Line
from commonwatt.services.billing.table import line_name
from commonwatt.wiring.bill_checks import Evidence


def posting_findings(seen: Evidence) -> list[Finding]:
    """What the chain posted to the member is what its lines say, by whom it pays and who pays it."""
    found = []
    for entry in seen.bill.entries:
        where, batches = seen.where(entry), _batches(seen, entry)
        broken = [sorted(posted.place.part for posted in parts) for parts in batches if not _is_whole(parts)]
        if broken:
            found.append(Finding(where, "its settlement on the chain, all parts", f"parts {broken[0]}"))
            continue
        parts = [posted for batch in batches for posted in batch]
        kinds = {word(posted.data[4:], 1) for posted in parts if posted.place.kind == "settle"}
        if not kinds <= {_KIND[seen.terms.path], SUPPLIED}:
            found.append(Finding(where, f"settled by the path {seen.terms.path}", "settled by another"))
        due_s = (entry.slot + 1) * seen.terms.slot_s
        was_void = (entry.slot, entry.revision) in seen.voided
        if not entry.revision and not was_void and any(posted.time_s != due_s for posted in parts):
            found.append(Finding(where, f"settled at its end, {due_s} s", f"{[p.time_s for p in parts]}"))
        posted_lines = [line for posted in parts for line in read_lines(posted.data)]
        found += _net_findings(seen, entry, posted_lines)
        peers = [line for line in posted_lines if _is_peer(line.who) and _is_peer(line.other)]
        if entry.failed and peers:
            found.append(Finding(where, "nothing between members in a slot that failed", f"{len(peers)} lines"))
    return found


_KIND = {"net": SETTLEMENT, "trades": IMBALANCE}
"""What `settle_net` posts by each settlement path."""


def _batches(seen: Evidence, entry: Entry) -> list[tuple[Booked, ...]]:
    """What an entry was posted with: its settlement, and where trades are posted by themselves those of its slot."""
    settled = [seen.posted("settle", entry.slot, entry.revision)]
    if seen.terms.path == "trades" and not entry.revision:
        settled.append(seen.posted("trades", entry.slot))
    return settled


def _is_whole(parts: Sequence[Booked]) -> bool:
    """Whether every part is there, once."""
    numbers = sorted(posted.place.part for posted in parts)
    # Numbered from 0, and as many as they say: of any size on a forged chain.
    return bool(parts) and len(parts) == parts[0].place.parts and numbers == list(range(len(parts)))


def _is_peer(account: int) -> bool:
    return account >= FIRST_MEMBER or account == Account.POOL


_END_OF_LEG = {
    "peer_sell": "members",
    "peer_buy": "members",
    "grid_fee": "grid",
    "local_fee": "grid",
    "tax": "state",
    "reward": "rewards",
    "penalty": "rewards",
    "levy": "state",
    "fee_relief": "grid",
}
"""Who is at the other end of a line; the supplier of all others."""

_Ends = dict[tuple[str, bool], int]


def _net_findings(seen: Evidence, entry: Entry, posted: Sequence[PostedLine]) -> list[Finding]:
    on_chain, billed = _chain_ends(posted, seen.account), _billed_ends(entry)
    found = []
    for other, is_gain in sorted(set(on_chain) | set(billed)):
        is_, says = on_chain.get((other, is_gain), 0), billed.get((other, is_gain), 0)
        if is_ != says:
            at, line = next(
                ((at, line) for at, line in enumerate(entry.lines) if _end(line) == (other, is_gain)), (0, None)
            )
            where = seen.where(entry) if line is None else line_name(entry, at, line, seen.rows, seen.terms)
            way = "from" if is_gain else "to"
            found.append(Finding(f"{where}, all {way} {other}", f"{is_} nano as posted", f"{says} nano"))
    return found


def _chain_ends(posted: Sequence[PostedLine], account: int) -> _Ends:
    ends: _Ends = {}
    for line in posted:
        if account not in (line.who, line.other):
            continue
        other = line.other if line.who == account else line.who
        money = line.amount_nano if line.who == account else -line.amount_nano
        name = "members" if _is_peer(other) else Account(other).name.lower()
        ends[name, money > 0] = ends.get((name, money > 0), 0) + money
    return {end: money for end, money in ends.items() if money}


def _billed_ends(entry: Entry) -> _Ends:
    ends: _Ends = {}
    for line in entry.lines:
        ends[_end(line)] = ends.get(_end(line), 0) + line.amount_nano
    return {end: money for end, money in ends.items() if money}


def _end(line: Line) -> tuple[str, bool]:
    return _END_OF_LEG.get(line.leg, "supplier"), line.amount_nano > 0


def period_findings(seen: Evidence) -> list[Finding]:
    """Every slot of the period is billed, and everything that the chain settled within it."""
    bill, slot_s, found = seen.bill, seen.terms.slot_s, []
    keys = [(entry.slot, entry.revision) for entry in bill.entries]
    if keys != sorted(set(keys)):
        found.append(Finding("entries", "each slot and revision once, in order", "otherwise"))
    billed = {(entry.slot, entry.revision) for entry in bill.billed}
    slots = sorted(slot for slot, revision in billed if not revision)
    # Compared by their ends and number: a period may be said to be of any length.
    if not slots or (slots[0], slots[-1] + 1, len(slots)) != (bill.first_slot, bill.end_slot, slots[-1] + 1 - slots[0]):
        said = f"every slot from {bill.first_slot} until before {bill.end_slot}"
        found.append(Finding("period", said, f"{len(slots)} slots, {slots[:1]} to {slots[-1:]}"))
    found += _past_findings(seen)
    begin_s, end_s = bill.first_slot * slot_s, bill.end_slot * slot_s
    for number, time_s in enumerate(seen.proven.times_s):
        if begin_s < time_s <= end_s and number not in seen.proven.whole:
            found.append(Finding(f"block {number}", "all of its transactions, it is of this period", "not here"))
    for posted in seen.proven.posted:
        key, is_due = (posted.place.slot, posted.place.revision), begin_s < posted.time_s <= end_s
        if posted.place.kind not in ("settle", "trades") or is_due == (key in billed):
            continue
        if posted.is_void or (key in seen.voided and not key[1]):
            # What was void is not billed; what was settled again is, with its slot, whenever that was.
            continue
        where = f"slot {key[0]} revision {key[1]}"
        if not is_due:
            found.append(Finding(where, "not on the bill: settled in another period", "on it"))
        elif not key[1] or any(seen.account in (line.who, line.other) for line in read_lines(posted.data)):
            found.append(Finding(where, "on the bill: settled in this period", "not there"))
    return found


def _past_findings(seen: Evidence) -> list[Finding]:
    """Where rewards and penalties hang on errors of slots before, all of them are here, from the first that the chain was founded for."""
    if seen.terms.error_weight_ppm == NOT_SMOOTHED:
        return []
    slots = [entry.slot for entry in seen.bill.entries if not entry.revision]
    # The genesis is made a slot before the run begins, which the audit holds it to.
    first, end = seen.proven.times_s[0] // seen.terms.slot_s + 1, seen.bill.end_slot
    if (slots[:1], slots[-1:], len(slots)) == ([first], [end - 1], end - first):
        return []
    said = f"every slot from {first}, the first of the run, until before {end}"
    return [Finding("entries", said, f"{len(slots)} slots, {slots[:1]} to {slots[-1:]}")]
