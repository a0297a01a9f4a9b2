"""Watching: which lines of a settlement its operator could not answer for, from what a member knows: orders, meter, tariff."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from commonwatt.contracts.encoding import TRADES
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.imbalance import BY_DIRECTION, imbalance_prices
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Flags, Ints
from commonwatt.services.ports import Batch

GIVER, TAKER = 0, 1
"""The sides of a line: who gives the energy (or receives the amount), and the other."""

PEER, SUPPLY, CHARGE, PENALTY = range(4)


@dataclass(frozen=True)
class Wish:
    """An accepted order of the member."""

    is_sell: bool
    energy_wh: int
    limit_micro_per_kwh: int
    """As signed: a buyer's holds fees and taxes."""


@dataclass(frozen=True)
class Evidence:
    """What a member knows of one slot without asking anybody."""

    rates: Rates
    penalty_most_micro_per_kwh: int
    """Per kWh that the member ordered or took."""
    wish: Wish | None
    registers: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Revision -> import and export of the meter's own packet, Wh; no entry where the meter was silent."""
    imbalance: str = BY_DIRECTION
    """How the rule prices imbalance, one of `core.imbalance.IMBALANCES`."""
    way_fees: frozenset[int] = frozenset()
    """What a kWh can pay on parts of the member's way to the transformer, micro/kWh > 0; none without fees by location."""


@dataclass(frozen=True)
class Doubt:
    """A line that may be demanded, and why."""

    batch: Batch
    line: int
    """Number of the line; the number of lines where the fault is that the member has none."""
    side: int
    """`GIVER` or `TAKER`: where the member stands; its account where it has no line."""
    expected: str
    found: str
    together: tuple[tuple[Batch, int, int], ...] = ()
    """Batch, line and side of the lines of the member that must be demanded with it, because only their sum is wrong."""

    def __str__(self) -> str:
        place = f"slot {self.batch.slot} revision {self.batch.revision} part {self.batch.part}"
        return f"{place} line {self.line}: expected {self.expected}, found {self.found}"


def doubts(member: int, batches: Sequence[Batch], evidence: Evidence) -> list[Doubt]:
    """What is wrong with a member's lines in the live batches of one slot; empty when its operator can answer for every one.

    Args: `member` is the dense index, `batches` every live batch of the slot. The rules are those by which the contract takes an answer
    (`claims.answer_order`, `claims.answer_position`), with the slot's own tariff where the contract knows only its bounds (`deciding`).
    """
    account = member + FIRST_MEMBER
    mine = Lines.of_member(batches, account)
    return [
        *peer_doubts(mine, evidence),
        *_price_doubts(mine, evidence),
        *_charge_doubts(mine, evidence),
        *_way_doubts(mine, evidence),
        *position_doubts(mine, evidence, account),
    ]


def _order(batch: Batch) -> tuple[int, bool, int, int]:
    """Trades before what is settled beside them: charges are held against the energy so far."""
    return batch.revision, batch.kind != TRADES, batch.kind, batch.part


@dataclass(frozen=True)
class Lines:
    """The lines of one batch that name the member."""

    batch: Batch
    rows: Ints
    gives: Flags
    kind: Ints
    """`PEER`, `SUPPLY`, `CHARGE` or `PENALTY`."""
    energy_wh: Ints
    price: Ints
    """micro/kWh; of plain amounts 0."""
    received_nano: Ints

    @classmethod
    def of(cls, batch: Batch, account: int) -> "Lines":
        """Those of one batch."""
        lines = batch.lines
        rows = np.flatnonzero((lines.who == account) | (lines.other == account))
        own = lines.take(rows)
        gives = own.who == account
        counterparty = np.where(gives, own.other, own.who)
        is_peer = (counterparty >= FIRST_MEMBER) | (counterparty == Account.POOL)
        energetic = rows < batch.energy_lines
        charge = np.where(counterparty == Account.REWARDS, PENALTY, CHARGE)
        supply = np.where(counterparty == Account.SUPPLIER, SUPPLY, charge)
        kind = np.where(energetic, np.where(is_peer, PEER, supply), charge)
        amount = np.where(energetic, own.energy_wh * own.price_micro_per_kwh, own.amount_nano)
        received = np.where(gives, amount, -amount)
        return cls(batch, rows, gives, kind, own.energy_wh, own.price_micro_per_kwh, received)

    @classmethod
    def of_member(cls, batches: Sequence[Batch], account: int) -> "list[Lines]":
        """A member's lines batch by batch, in the order in which they are held against each other."""
        return [cls.of(batch, account) for batch in sorted(batches, key=_order)]

    def doubt(self, row: int, expected: str, found: str) -> Doubt:
        """A doubt about one of them."""
        return Doubt(self.batch, int(self.rows[row]), GIVER if self.gives[row] else TAKER, expected, found)

    def net_wh(self) -> int:
        """Energy given less energy taken on lines with peers and the supplier."""
        return int(np.where(self.gives, self.energy_wh, -self.energy_wh)[self.kind <= SUPPLY].sum())


def peer_doubts(mine: Sequence[Lines], evidence: Evidence) -> Iterator[Doubt]:
    """Trades without an order, beyond its limit with the fees and taxes of `evidence`, or for more energy than it has."""
    wish, rates, used_wh = evidence.wish, evidence.rates, 0
    filled: list[tuple[Batch, int, int]] = []
    fees = rates.local_charges_micro_per_kwh
    for own in mine:
        for row in np.flatnonzero(own.kind == PEER).tolist():
            side = "sale" if own.gives[row] else "purchase"
            if wish is None or wish.is_sell != bool(own.gives[row]):
                yield own.doubt(row, "an order of the member behind it", f"a {side} without one")
                continue
            price = int(own.price[row]) + (0 if wish.is_sell else fees)
            if price < wish.limit_micro_per_kwh if wish.is_sell else price > wish.limit_micro_per_kwh:
                bound = "at least" if wish.is_sell else "at most"
                yield own.doubt(row, f"{bound} {wish.limit_micro_per_kwh} micro/kWh, fees included", str(price))
            used_wh += int(own.energy_wh[row])
            if used_wh > wish.energy_wh:
                over = own.doubt(row, f"at most {wish.energy_wh} Wh filled", f"{used_wh} Wh")
                yield replace(over, together=tuple(filled))
            filled.append((own.batch, int(own.rows[row]), GIVER if own.gives[row] else TAKER))


def _price_doubts(mine: Sequence[Lines], evidence: Evidence) -> Iterator[Doubt]:
    rates = evidence.rates
    energy = (rates.retail_micro_per_kwh, rates.feed_in_micro_per_kwh)
    balancing = (rates.imbalance_buy_micro_per_kwh, rates.imbalance_sell_micro_per_kwh)
    # A member cannot know which way all members together were off.
    ways = [imbalance_prices(evidence.imbalance, way, *energy, *balancing) for way in (-1, 0, 1)]
    supply = ({*energy, *(short for short, _ in ways)}, {*energy, *(long for _, long in ways)})
    fees = _tariff_fees(rates) | evidence.way_fees
    for own in mine:
        for row in range(len(own.rows)):
            if own.kind[row] == SUPPLY:
                allowed = supply[int(own.gives[row])]
            elif own.kind[row] == CHARGE and own.energy_wh[row]:
                allowed = fees
            else:
                continue
            if int(own.price[row]) not in allowed:
                listed = ", ".join(str(price) for price in sorted(allowed))
                of = "the tariff or the way" if evidence.way_fees and own.kind[row] == CHARGE else "the tariff"
                yield own.doubt(row, f"a price of {of} ({listed} micro/kWh)", str(int(own.price[row])))


def _tariff_fees(rates: Rates) -> set[int]:
    return {
        rates.grid_fee_micro_per_kwh,
        rates.local_fee_micro_per_kwh,
        rates.tax_micro_per_kwh,
        rates.local_tax_micro_per_kwh,
        rates.levy_micro_per_kwh,
        rates.local_levy_micro_per_kwh,
        rates.local_relief_micro_per_kwh,
    }


def _way_doubts(mine: Sequence[Lines], evidence: Evidence) -> Iterator[Doubt]:
    """Fees of the way on more energy than was traded, or so high that all trades together are beyond the order's limit.

    Which trade a fee belongs to no line says, so it is held against them together; a fee of the way that is a price of the tariff too counts
    as the tariff's.
    """
    ways = sorted(evidence.way_fees - _tariff_fees(evidence.rates))
    wish, traded_wh, value_nano, paid_nano, paid_wh = evidence.wish, 0, 0, 0, 0
    found: list[tuple[Lines, int]] = []
    for own in mine:
        peer = own.kind == PEER
        traded_wh += int(own.energy_wh[peer].sum())
        value_nano += int(own.received_nano[peer].sum())
        for row in np.flatnonzero((own.kind == CHARGE) & np.isin(own.price, ways) & (own.received_nano < 0)).tolist():
            paid_nano -= int(own.received_nano[row])
            paid_wh += int(own.energy_wh[row])
            found.append((own, row))
    if not found:
        return
    own, row = found[-1]
    if paid_wh > traded_wh:
        yield own.doubt(row, f"fees of the way on at most {traded_wh} Wh, as traded", f"{paid_wh} Wh")
    elif wish is not None:
        charges = 0 if wish.is_sell else evidence.rates.local_charges_micro_per_kwh
        least_nano = (wish.limit_micro_per_kwh if wish.is_sell else charges - wish.limit_micro_per_kwh) * traded_wh
        kept_nano = value_nano - paid_nano
        if kept_nano < least_nano:
            said = "what trades leave after their way, within the order's limit"
            yield own.doubt(row, f"at least {least_nano} nano: {said}", f"{kept_nano} nano")


def _charge_doubts(mine: Sequence[Lines], evidence: Evidence) -> Iterator[Doubt]:
    """Where fees and taxes exceed what the energy so far can cost, or penalties what was ordered and taken."""
    energy_wh, ordered_wh = 0, evidence.wish.energy_wh if evidence.wish else 0
    paid_nano = {CHARGE: 0, PENALTY: 0}
    dearest = max(evidence.way_fees, default=0)
    for own in mine:
        energy_wh += int(own.energy_wh[own.kind <= SUPPLY].sum())
        most_nano = {
            CHARGE: (evidence.rates.charges_micro_per_kwh + dearest) * energy_wh,
            PENALTY: evidence.penalty_most_micro_per_kwh * (energy_wh + ordered_wh),
        }
        for row in np.flatnonzero((own.kind >= CHARGE) & (own.received_nano < 0)).tolist():
            kind = int(own.kind[row])
            paid_nano[kind] -= int(own.received_nano[row])
            if paid_nano[kind] > most_nano[kind]:
                name = "fees and taxes" if kind == CHARGE else "penalties"
                yield own.doubt(row, f"at most {most_nano[kind]} nano of {name}", f"{paid_nano[kind]} nano")


def position_doubts(mine: Sequence[Lines], evidence: Evidence, account: int) -> Iterator[Doubt]:
    """Where the energy billed so far is not what the meter says, revision by revision."""
    net_wh = 0
    for revision in sorted({own.batch.revision for own in mine}):
        of = [own for own in mine if own.batch.revision == revision]
        net_wh += sum(own.net_wh() for own in of)
        known = [r for r in evidence.registers if r <= revision]
        if not known or (revision and not any(len(own.rows) for own in of)):
            continue
        import_wh, export_wh = evidence.registers[max(known)]
        if net_wh == export_wh - import_wh:
            continue
        expected, found = f"{export_wh - import_wh} Wh in all, as the meter says", f"{net_wh} Wh"
        # Trades that the contract checked are not asked about; what stands beside them is.
        settling = next((o for o in of if o.batch.kind != TRADES), of[0])
        own, row = next(((o, r) for o in of for r in np.flatnonzero(o.kind != PEER).tolist()), (settling, -1))
        yield (
            own.doubt(row, expected, found)
            if row >= 0
            else Doubt(own.batch, len(own.batch.lines), account, expected, found)
        )
