"""What the chain says against what the public tables say: members, roots and hashes, balances, receipts."""

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, OFF_LEDGER, balances_nano
from commonwatt.core.findings import Finding
from commonwatt.core.records import Receipt, Statement
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.audit.base import Audited, Check, recomputed
from commonwatt.services.audit.standing import standing
from commonwatt.services.claims import moved_nano
from commonwatt.services.pairing import SignedTrades
from commonwatt.services.ports import Call, ClearCall, OpenCall, SettleCall, TradesCall
from commonwatt.services.posting import NO_PRIOR, settle_calls, slot_calls
from commonwatt.services.schemas import PUBLIC_RECEIPTS
from commonwatt.venues import book_root, clearing_root, commitments, order_root


def check_members(audited: Audited) -> Check:
    """The published members are those of the chain's registry, in its order."""
    public, found = audited.public, []
    rows, registry = public.tables["members"].to_pylist(), audited.ledger.members()
    changed = {r.account for r in audited.revocations if r.wallet}
    if len(rows) != len(registry):
        found.append(Finding("members", f"the chain's {len(registry)} members", str(len(rows))))
    for account, (row, known) in enumerate(zip(rows, registry, strict=False), FIRST_MEMBER):
        pairs = {
            "member": (known.pseudonym_root.hex(), keccak256(row["member"].encode()).hex()),
            "meter_key": ("0x" + known.meter_key.hex(), row["meter_key"]),
            "wallet": ("0x" + known.wallet.hex(), row["wallet"]),
            "role": (known.role, row["role"]),
            "connection_w": (known.connection_w, row["connection_w"]),
        }
        found += [
            Finding(f"members {row['member']} {name}", f"the chain's {is_}", str(says))
            for name, (is_, says) in pairs.items()
            # A member changes its wallet when it likes; the one it began with is checked with the foundation.
            if is_ != says and not (name == "wallet" and account in changed)
        ]
    return Check("members are the chain's", len(registry), "members", tuple(found))


def check_roots(audited: Audited) -> Check:
    """What the chain holds of every slot is what the public tables say: roots of orders and trades, hashes of postings."""
    found = []
    on_chain = {
        (r.kind, r.slot, r.revision, r.part): r.content_hash.removeprefix("0x")
        for r in audited.ledger.receipts()
        if r.status == 1 and r.kind in PUBLIC_RECEIPTS and (audited.only is None or r.slot in audited.only)
        if r.content_hash not in audited.void_contents
    }
    expected = 0
    for slot in audited.each_slot():
        calls, faults = recomputed(f"slot {slot}", _calls, audited, slot)
        found += faults
        for call in calls or ():
            place = _place(call)
            expected += 1
            hashed = audited.ledger.content_hash(call).hex()
            recorded = on_chain.pop(place, "nothing")
            if hashed != recorded:
                found.append(
                    Finding(_words(place), f"the public tables' content hash {hashed[:16]}…", f"{recorded[:16]}…")
                )
    found += [Finding(_words(place), "public rows behind it", "none") for place in on_chain]
    return Check("the chain holds these orders, trades and postings", expected, "hashes", tuple(found))


def _words(place: tuple[str, int, int, int]) -> str:
    kind, slot, revision, part = place
    return f"chain slot {slot} {kind} revision {revision} part {part}"


def _calls(audited: Audited, slot: int) -> list[Call]:
    public = audited.public
    book, accepted, nonces, _ = public.orders(slot)
    orders = book.take(np.arange(accepted))
    agreement, _ = public.agreement(slot)
    calls: list[Call] = [
        OpenCall(slot, book_root(commitments(orders, nonces, slot)), accepted),
        ClearCall(slot, order_root(book, slot, public.events(slot)[0]), clearing_root(agreement.trades, slot)),
    ]
    calls += settlement_calls(audited, slot)
    return calls


def settlement_calls(audited: Audited, slot: int) -> list[TradesCall | SettleCall]:
    """What posts the published statements of a slot, all revisions, by the settlement path of the rules."""
    public, path, hashed = audited.public, audited.rules.path, audited.ledger.content_hash
    calls: list[TradesCall | SettleCall] = []
    prior = NO_PRIOR
    for revision in public.revisions(slot):
        statement = Statement(slot, revision, public.legs(slot, revision), public.postings(slot, revision), _NONE)
        parts: tuple[TradesCall | SettleCall, ...] = (
            settle_calls(statement, prior, path)
            if revision
            else slot_calls(statement, _signed_trades(audited, slot), path, hashed)
        )
        parts = tuple(standing(audited, call) if isinstance(call, SettleCall) else call for call in parts)
        prior = hashed(next(call for call in parts if isinstance(call, SettleCall)))
        calls += parts
    return calls


_NONE = np.zeros(0, np.int64)


def _signed_trades(audited: Audited, slot: int) -> SignedTrades:
    public = audited.public
    agreement, delivered_wh = public.agreement(slot)
    return SignedTrades(agreement.trades, delivered_wh, public.instructed(slot), public.instructions)


def _place(call: Call) -> tuple[str, int, int, int]:
    if isinstance(call, TradesCall):
        return "trades", call.slot, 0, call.part
    if isinstance(call, SettleCall):
        return "settle", call.slot, call.revision, call.part
    return ("open" if isinstance(call, OpenCall) else "clear"), getattr(call, "slot", 0), 0, 0


def check_balances(audited: Audited) -> Check:
    """Statements, postings and the contracts' own storage agree account by account."""
    public, ledger, found = audited.public, audited.ledger, []
    balances, deposits = ledger.balances(audited.final_s), ledger.deposits()
    stored = balances.free_nano + balances.pending_nano - deposits - moved_nano(ledger.entries(), len(deposits))
    posted = np.zeros(FIRST_MEMBER + len(public.pseudonyms), np.int64)
    for postings in public.posting_parts():
        posted += balances_nano(postings.take(~np.isin(postings.kind, OFF_LEDGER)), len(posted))
    billed = np.zeros(len(public.pseudonyms), np.int64)
    for member, amount_nano in public.billed_parts():
        np.add.at(billed, member, amount_nano)
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
    published = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    recorded = [_row(r, names) for r in audited.ledger.receipts() if r.kind in PUBLIC_RECEIPTS]
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
