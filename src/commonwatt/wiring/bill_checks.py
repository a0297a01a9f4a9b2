"""What a stranger checks of a bill's lines: that they follow from signed readings, from trades under the chain's roots and the tariff."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from commonwatt.adapters.ledger.calldata import word
from commonwatt.adapters.ledger.evidence import Booked, Proven
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.findings import Finding
from commonwatt.core.imbalance import BY_DIRECTION
from commonwatt.core.tariff import Rates
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering import enrolment_digest, packet_hash, packets_digest
from commonwatt.services.billing.bill import LEGS, Bill, Entry, Line, OrderProof, TradeProof, TreePath, in_order
from commonwatt.services.billing.leaves import climbed, holds, order_leaf, packet_leaf, sealed_leaf, trade_leaf, unhex
from commonwatt.services.billing.legs import EX_POST, correction_lines, error_after, slot_lines
from commonwatt.services.billing.table import line_name, place, row_numbers
from commonwatt.services.billing.terms import Terms

NO_PACKET = -1
NO_PATH = TreePath((), 0)
ARGUMENT_BYTES = 32


@dataclass(frozen=True)
class Evidence:
    """A bill beside what its part of the chain shows."""

    bill: Bill
    terms: Terms
    proven: Proven
    rows: dict[tuple[int, int], int] = field(default_factory=dict)
    by_place: dict[tuple[str, int, int], tuple[Booked, ...]] = field(default_factory=dict)
    """What stands; what was void is not here."""
    voided: frozenset[tuple[int, int]] = frozenset()
    """Slot and revision of what was void once; it stands as it was settled again."""

    @property
    def account(self) -> int:
        """The member's account number."""
        return FIRST_MEMBER + self.bill.member.index

    def posted(self, kind: str, slot: int, revision: int = 0) -> tuple[Booked, ...]:
        """The postings of a kind, all parts."""
        return self.by_place.get((kind, slot, revision), ())

    def where(self, entry: Entry) -> str:
        """An entry as a person would look it up."""
        return place(entry, self.terms)


def evidence(bill: Bill, terms: Terms, proven: Proven) -> Evidence:
    """Put a bill and its part of the chain side by side."""
    by_place: dict[tuple[str, int, int], tuple[Booked, ...]] = {}
    for posted in proven.posted:
        if posted.is_void:
            continue
        key = posted.place.kind, posted.place.slot, posted.place.revision
        by_place[key] = (*by_place.get(key, ()), posted)
    voided = frozenset((p.place.slot, p.place.revision) for p in proven.posted if p.is_void)
    return Evidence(bill, terms, proven, row_numbers(bill), by_place, voided)


def reading_findings(seen: Evidence, meter_key: bytes) -> list[Finding]:
    """Every reading is as its meter or its gateway signed it, and no packet is used twice; one without a packet says so."""
    signers = [meter_key]
    found: list[Finding] = []
    addresses = [gateway.address for gateway in seen.bill.member.gateways]
    if addresses != sorted(set(addresses)):
        found.append(Finding("member gateways", "each once, in order of address", "otherwise"))
    for gateway in seen.bill.member.gateways:
        address = unhex(gateway.address, 20)
        signer = signer_address(enrolment_digest(seen.terms.community, address), unhex(gateway.signature, 65))
        if signer != meter_key:
            by = f"the meter 0x{meter_key.hex()}"
            found.append(Finding(f"gateway 0x{gateway.address}", f"enrolled by {by}", "not by it"))
        signers.append(address)
    used: set[int] = set()
    last = NO_PACKET
    for entry in seen.bill.entries:
        where, reading = f"{seen.where(entry)} reading", entry.reading
        usual = "corrected" if entry.revision else "substituted" if reading.counter == NO_PACKET else "measured"
        if reading.quality != usual:
            found.append(Finding(f"{where} quality", usual, reading.quality))
        if reading.counter == NO_PACKET and not entry.revision:
            if (reading.packet_hash, reading.opening, reading.signature, reading.path) != ("", "", "", NO_PATH):
                found.append(Finding(where, "no packet of a substituted reading", "one"))
            continue
        if reading.counter in used or (not entry.revision and reading.counter <= last):
            found.append(Finding(f"{where} counter", "one above those before", str(reading.counter)))
        used.add(reading.counter)
        last = last if entry.revision else reading.counter
        found += _packet_findings(where, entry, seen, signers)
    return found


def _packet_findings(where: str, entry: Entry, seen: Evidence, signers: Sequence[bytes]) -> list[Finding]:
    reading = entry.reading
    digest = packet_hash(
        seen.terms.community,
        member=seen.bill.member.index,
        slot=entry.slot,
        counter=reading.counter,
        revision=entry.revision,
        import_wh=reading.import_wh,
        export_wh=reading.export_wh,
        opening=unhex(reading.opening, 32),
    )
    if digest.hex() != reading.packet_hash:
        values = f"{reading.import_wh} Wh in, {reading.export_wh} Wh out"
        return [Finding(f"{where} packet_hash", f"{digest.hex()[:16]}… of {values}", f"{reading.packet_hash[:16]}…")]
    root = climbed(packet_leaf(entry, seen.bill.member.index), reading.path)
    if root is None:
        return [Finding(f"{where} path", "one side for each sibling", "others")]
    signer = signer_address(packets_digest(seen.terms.community, entry.slot, root), unhex(reading.signature, 65))
    if signer not in signers:
        by = "nobody's" if signer is None else f"that of 0x{signer.hex()}"
        return [Finding(f"{where} signature", f"that of the meter 0x{signers[0].hex()}, or of its gateway", by)]
    return []


def trading_findings(seen: Evidence) -> list[Finding]:
    """Every order and trade is under the roots on the chain, the orders' limits were kept, and no more traded than ordered."""
    found = []
    for entry in seen.bill.entries:
        if entry.revision:
            if entry.orders or entry.trades or entry.failed:
                found.append(Finding(seen.where(entry), "a correction without orders and trades", "some"))
            continue
        opened, cleared = (seen.posted(kind, entry.slot) for kind in ("open", "clear"))
        if len({p.content for p in opened}) != 1 or len({p.content for p in cleared}) != 1:
            found.append(Finding(seen.where(entry), "one opening and one clearing on the chain", "otherwise"))
            continue
        found += _order_findings(seen, entry, opened[0], cleared[0])
        found += _trade_findings(seen, entry, cleared[0])
    return found


def _order_findings(seen: Evidence, entry: Entry, opened: Booked, cleared: Booked) -> list[Finding]:
    found, member = [], seen.bill.member.index
    sequences = [order.sequence for order in entry.orders]
    if sequences != sorted(set(sequences)):
        found.append(Finding(f"{seen.where(entry)} orders", "each once, in order of sequence", "otherwise"))
    for order in entry.orders:
        where = f"{seen.where(entry)} order {entry.slot}-o{order.sequence}"
        if not holds(_root(cleared, 1), order_leaf(order, entry.slot, member), order.revealed):
            found.append(Finding(where, "under the root of the slot's orders", "not there"))
        if order.sequence >= _accepted(opened):
            if order.nonce or order.sealed.siblings or order.sealed.sides:
                found.append(Finding(where, "no seal of an order that was refused", "one"))
        elif not holds(_root(opened, 1), sealed_leaf(order, entry.slot, member), order.sealed):
            found.append(Finding(where, "under the root of the sealed orders", "not there"))
    return found


def _trade_findings(seen: Evidence, entry: Entry, cleared: Booked) -> list[Finding]:
    found, rates = [], seen.terms.rates(entry.slot)
    orders = {order.sequence: order for order in entry.orders}
    left = {order.sequence: order.energy_wh for order in entry.orders}
    if len({trade.path for trade in entry.trades}) != len(entry.trades) or list(entry.trades) != in_order(entry.trades):
        found.append(Finding(f"{seen.where(entry)} trades", "each once, in order of their orders", "otherwise"))
    for trade in entry.trades:
        where = f"{seen.where(entry)} trade of {trade.energy_wh} Wh"
        if not holds(_root(cleared, 2), trade_leaf(trade, entry.slot), trade.path):
            found.append(Finding(where, "under the root of the slot's trades", "not there"))
        order = _own_order(trade, orders)
        if order is None:
            found.append(Finding(where, "one side of it an order of this member", "none, or both"))
            continue
        left[order.sequence] -= trade.energy_wh
        if left[order.sequence] < 0:
            found.append(Finding(where, f"within the order of {order.energy_wh} Wh", "more than was ordered"))
        found += _limit_findings(where, trade, order, rates)
        found += _delivery_findings(where, seen.terms, entry, trade)
    return found


def _limit_findings(where: str, trade: TradeProof, order: OrderProof, rates: Rates) -> list[Finding]:
    """A seller keeps its limit or more, a buyer pays its limit or less: after the fee of its way, and all that is charged on local energy."""
    limit = order.limit_micro_per_kwh
    fee = trade.sell_fee_micro_per_kwh if order.is_sell else trade.buy_fee_micro_per_kwh
    if order.is_sell:
        price = trade.sell_price_micro_per_kwh - fee
        is_kept = price >= limit
    else:
        price = trade.buy_price_micro_per_kwh + fee + rates.local_charges_micro_per_kwh
        is_kept = price <= limit
    found = [] if fee >= 0 else [Finding(f"{where} fee of the way", "at least 0", str(fee))]
    bound = "at least" if order.is_sell else "at most"
    return found + (
        [] if is_kept else [Finding(where, f"a price of {bound} {limit} micro per kWh, as ordered", str(price))]
    )


def _delivery_findings(where: str, terms: Terms, entry: Entry, trade: TradeProof) -> list[Finding]:
    if entry.failed:
        least = most = 0
    else:
        is_firm = terms.timing == EX_POST or terms.rule != "delivered"
        least, most = trade.energy_wh if is_firm else 0, trade.energy_wh
    if least <= trade.delivered_wh <= most:
        return []
    return [Finding(f"{where} delivered_wh", f"{least}..{most}", str(trade.delivered_wh))]


def _own_order(trade: TradeProof, orders: dict[int, OrderProof]) -> OrderProof | None:
    sides = [orders.get(trade.sell_order), orders.get(trade.buy_order)]
    own = [o for o, is_sell in zip(sides, (True, False), strict=True) if o is not None and o.is_sell == is_sell]
    return own[0] if len(own) == 1 else None


def line_findings(seen: Evidence) -> list[Finding]:
    """Every line follows from reading, orders, trades and tariff; of a reward only the most it can be."""
    found = []
    error_mwh = 0
    settled: dict[int, list[Entry]] = {}
    for entry in seen.bill.entries:
        rates, before = seen.terms.rates(entry.slot), settled.setdefault(entry.slot, [])
        if entry.revision:
            if not before or before[0].revision:
                found.append(Finding(seen.where(entry), "the settlement that it corrects", "none"))
                continue
            lines = correction_lines(rates, before[0].lines, before[-1].reading, entry.reading)
            found += _differences(seen, entry, lines, None)
        else:
            found += _differences(seen, entry, *_expected(seen, entry, rates, error_mwh))
            error_mwh = error_after(seen.terms, entry.reading, _sealed(seen, entry), error_mwh)
        before.append(entry)
    return found


def _sealed(seen: Evidence, entry: Entry) -> list[OrderProof]:
    """The orders of an entry that the market took."""
    opened = seen.posted("open", entry.slot)
    accepted = _accepted(opened[0]) if opened else 0
    return [order for order in entry.orders if order.sequence < accepted]


def _expected(seen: Evidence, entry: Entry, rates: Rates, error_mwh: int) -> tuple[tuple[Line, ...], Line | None]:
    taken = [] if entry.failed else _sealed(seen, entry)
    trades = () if entry.failed else entry.trades
    # Which way the whole community was off, no single bill can tell: of its imbalance, that one of the three ways gives these lines.
    ways = (0,) if seen.terms.imbalance == BY_DIRECTION else (-1, 0, 1)
    told = [slot_lines(seen.terms, rates, entry.reading, taken, trades, way, error_mwh) for way in ways]
    expected = next((one for one in told if all(line in entry.lines for line in one.lines)), told[0])
    return expected.lines, expected.reward


def _differences(seen: Evidence, entry: Entry, lines: Sequence[Line], reward: Line | None) -> list[Finding]:
    found, left = [], list(lines)
    for at, line in enumerate(entry.lines):
        if line.leg == "reward" and reward is not None and _is_reward(line, reward, seen.terms):
            reward = None
        elif line in left:
            left.remove(line)
        else:
            near = next((other for other in left if other.leg == line.leg), None)
            if near is not None:
                left.remove(near)
            name = line_name(entry, at, line, seen.rows, seen.terms)
            found.append(Finding(name, "no such line" if near is None else _said(near), _said(line)))
    found += [Finding(f"{seen.where(entry)} {line.leg}", _said(line), "no such line") for line in left]
    legs = [LEGS.index(line.leg) for line in entry.lines if not found]
    others = [line.leg for line in entry.lines if line.leg != "reward"]
    if not found and (legs != sorted(legs) or others != [line.leg for line in lines]):
        found.append(Finding(seen.where(entry), "its lines in order", "in another"))
    return found


def _is_reward(line: Line, most: Line, terms: Terms) -> bool:
    if terms.rule == "delivered":
        # How much of what it missed sellers answer for hangs on all of their meters.
        exact = line.amount_nano == line.energy_wh * line.price_micro_per_kwh
        return exact and line.price_micro_per_kwh == most.price_micro_per_kwh and 0 < line.energy_wh <= most.energy_wh
    same = (line.energy_wh, line.price_micro_per_kwh) == (most.energy_wh, most.price_micro_per_kwh)
    return same and 0 < line.amount_nano <= most.amount_nano


def _said(line: Line) -> str:
    return f"{line.energy_wh} Wh at {line.price_micro_per_kwh} micro per kWh = {line.amount_nano} nano"


def _root(posted: Booked, at: int) -> bytes:
    """The 32-byte argument number `at` of a call."""
    return posted.data[4 + at * ARGUMENT_BYTES : 4 + (at + 1) * ARGUMENT_BYTES]


def _accepted(opened: Booked) -> int:
    return word(opened.data[4:], 2)
