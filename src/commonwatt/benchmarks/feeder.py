"""A street's orders on a radial feeder whose lines fill up, and the gate of what trades over it, which shares no code with the mechanism."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.benchmarks.gates import clearing_findings
from commonwatt.clearing import ClearingContext, Lines, OrderFacts
from commonwatt.core.determinism import stream
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.tariff import Rates
from commonwatt.pricing import PRICINGS

if TYPE_CHECKING:
    from commonwatt.core.records import Agreement
    from commonwatt.core.units import Floats, Ints

SEED: Final = 6
BUSES: Final = 129
"""As many as SimBench's LV-rural3 has."""
MOST_MICRO_PER_KWH: Final = 300_000
MOST_WH: Final = 5_000
GOES_ON_SHARE: Final = 0.7
"""Of the buses, how many continue their neighbour's line; the others branch off anywhere before."""
CROWDED_ORDERS: Final = 100
"""From so many orders on, one line in `LEAST_FULL` or more must be full."""
LEAST_FULL: Final = 20
NEARLY: Final = 1e-9
"""Of the welfare, how far a solver in floats may be from whole nano."""


def drawn_book(sells: int, buys: int, slot: int) -> OrderBook:
    """As many offers and bids, 0 to 0.30 a kWh in whole micro, 1 Wh to 5 kWh."""
    orders, draw = sells + buys, stream(SEED, "bench", "feeder's book", sells, buys, slot)
    return OrderBook(
        member=np.arange(orders),
        is_sell=draw.permutation(np.arange(orders) < sells),
        energy_wh=draw.integers(1, MOST_WH + 1, orders),
        limit_micro_per_kwh=draw.integers(0, MOST_MICRO_PER_KWH + 1, orders),
        sequence=np.arange(orders),
        source=np.zeros(orders, np.int8),
        preference=np.zeros(orders, np.int8),
    )


@dataclass(frozen=True)
class Feeder:
    """A book, the bus of every order and the lines between them."""

    book: OrderBook
    bus: Ints
    lines: Lines

    @classmethod
    def drawn(cls, sells: int, buys: int) -> Feeder:
        """Orders anywhere but at the transformer; lines half as wide as what chance sends over them."""
        orders, draw = sells + buys, stream(SEED, "bench", "feeder", sells, buys)
        bus = draw.integers(1, BUSES, orders)
        goes_on = draw.random(BUSES) < GOES_ON_SHARE
        toward = [-1] + [i - 1 if goes_on[i] else int(draw.integers(0, i)) for i in range(1, BUSES)]
        behind = np.bincount(bus, minlength=BUSES).tolist()
        for line in range(BUSES - 1, 0, -1):
            behind[toward[line]] += behind[line]
        # The net of n random orders is about sqrt(n) of one.
        limit_wh = np.maximum(1, np.sqrt(behind) * MOST_WH / 4).astype(np.int64)
        return cls(drawn_book(sells, buys, 0), bus, Lines.of(BUSES, toward=np.array(toward), limit_wh=limit_wh))

    def later(self, slot: int) -> Feeder:
        """The same feeder with the orders of another slot."""
        sells = int(np.count_nonzero(self.book.is_sell))
        return replace(self, book=drawn_book(sells, len(self.book) - sells, slot))

    def context(self) -> ClearingContext:
        """What the mechanism is told."""
        facts = OrderFacts.unknown(len(self.book)).replaced(bus=self.bus)
        rates = Rates(300_000, 80_000, 300_000, 80_000, 40_000, 15_000, 20_000, 5_000, 80_000)
        return ClearingContext(slot=0, rates=rates, pricing=PRICINGS.make("midpoint"), facts=facts, lines=self.lines)

    def way(self, bus: int) -> set[int]:
        """The lines from a bus to the transformer."""
        toward, used = self.lines.toward.tolist(), set()
        while toward[bus] >= 0:
            used.add(bus)
            bus = toward[bus]
        return used


class PairProgramme:
    """Every pair whose limits agree, every line's limit for all pairs that use it: a linear programme for HiGHS, set up once."""

    def __init__(self, feeder: Feeder) -> None:
        from scipy.optimize import Bounds, LinearConstraint
        from scipy.sparse import csr_array

        self.feeder = feeder
        book, ways = feeder.book, [feeder.way(bus) for bus in range(BUSES)]
        limit, bus = book.limit_micro_per_kwh.tolist(), feeder.bus.tolist()
        sells, buys = np.flatnonzero(book.is_sell).tolist(), np.flatnonzero(~book.is_sell).tolist()
        pairs = [(s, b) for s in sells for b in buys if limit[s] <= limit[b]]
        rows, columns, values = [], [], []
        for column, (sell, buy) in enumerate(pairs):
            away, home = ways[bus[sell]], ways[bus[buy]]
            own = [(sell, 1), (buy, 1)]
            for row, value in own + [(len(book) + line, 1 if line in away else -1) for line in away ^ home]:
                rows.append(row)
                columns.append(column)
                values.append(value)
        shape = (len(book) + BUSES, len(pairs))
        most = np.concatenate((book.energy_wh, feeder.lines.limit_wh))
        least = np.concatenate((np.zeros(len(book)), -feeder.lines.limit_wh))
        self.constraint = LinearConstraint(csr_array((values, (rows, columns)), shape=shape), least, most)
        self.loss = np.array([limit[sell] - limit[buy] for sell, buy in pairs], np.float64)
        self.bounds = Bounds(0, np.inf)

    def welfare_nano(self) -> float:
        """Solve it."""
        from scipy.optimize import milp

        if not len(self.loss):
            return 0.0
        return -float(milp(self.loss, constraints=self.constraint, bounds=self.bounds).fun)

    def findings(self) -> list[Finding]:
        """Another optimum than that of the node problem."""
        return _differing("welfare_nano over pairs", most_welfare_nano(self.feeder), self.welfare_nano())


def most_welfare_nano(feeder: Feeder) -> float:
    """Of the node problem: orders, and a flow on every line either way, balanced at every bus; by HiGHS."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    book, toward, orders = feeder.book, feeder.lines.toward, len(feeder.book)
    lines = np.flatnonzero(toward >= 0)
    columns = np.concatenate((np.arange(orders), orders + np.arange(len(lines)), orders + np.arange(len(lines))))
    rows = np.concatenate((feeder.bus, lines, toward[lines]))
    side = np.where(book.is_sell, 1, -1)
    values = np.concatenate((side, np.full(len(lines), -1), np.ones(len(lines), np.int64)))
    balance = csr_array((values, (rows, columns)), shape=(BUSES, orders + len(lines)))
    loss = np.concatenate((side * book.limit_micro_per_kwh, np.zeros(len(lines))))
    width = feeder.lines.limit_wh[lines]
    low = np.concatenate((np.zeros(orders), -width))
    room = np.column_stack((low, np.concatenate((book.energy_wh, width))))
    return -float(linprog(loss, A_eq=balance, b_eq=np.zeros(BUSES), bounds=room, method="highs").fun)


def feeder_findings(feeder: Feeder, agreement: Agreement, bus_micro_per_kwh: Floats) -> list[Finding]:
    """What is wrong with trades on a feeder: promises, welfare against another solver, lines, and prices at which somebody wants another trade."""
    found = clearing_findings("", frozenset({"efficiency"}), feeder.book, agreement)
    found += _differing("welfare_nano", most_welfare_nano(feeder), _welfare_nano(feeder.book, agreement))
    flow_wh, wrong = _flows_wh(feeder, agreement)
    price = bus_micro_per_kwh.tolist()
    return [*found, *wrong, *_order_findings(feeder, agreement, price), *_line_findings(feeder, flow_wh, price)]


def _differing(where: str, best: float, reached: float) -> list[Finding]:
    is_near = abs(reached - best) <= NEARLY * best
    return [] if is_near else [Finding(where, f"{best:.0f} (HiGHS)", f"{reached:.0f}")]


def _welfare_nano(book: OrderBook, agreement: Agreement) -> int:
    limit, trades = book.limit_micro_per_kwh.tolist(), agreement.trades
    rows = zip(trades.sell_order.tolist(), trades.buy_order.tolist(), trades.energy_wh.tolist(), strict=True)
    return sum((limit[buy] - limit[sell]) * energy for sell, buy, energy in rows)


def line_uses_wh(feeder: Feeder, agreement: Agreement) -> tuple[list[int], list[int]]:
    """Wh over each bus's line towards the transformer, and away from it."""
    up_wh, down_wh = [0] * BUSES, [0] * BUSES
    ways, bus, trades = [feeder.way(at) for at in range(BUSES)], feeder.bus.tolist(), agreement.trades
    rows = zip(trades.sell_order.tolist(), trades.buy_order.tolist(), trades.energy_wh.tolist(), strict=True)
    for sell, buy, energy in rows:
        away, home = ways[bus[sell]], ways[bus[buy]]
        for line in away - home:
            up_wh[line] += energy
        for line in home - away:
            down_wh[line] += energy
    return up_wh, down_wh


def _flows_wh(feeder: Feeder, agreement: Agreement) -> tuple[list[int], list[Finding]]:
    """Wh over each bus's line towards the transformer; findings where trades pass each other on a line, or overload it."""
    up_wh, down_wh = line_uses_wh(feeder, agreement)
    found = []
    for line, limit in enumerate(feeder.lines.limit_wh.tolist()):
        if max(up_wh[line], down_wh[line]) > limit:
            found.append(Finding(f"line {line}", f"at most {limit} Wh", f"{up_wh[line]} up, {down_wh[line]} down"))
        if min(up_wh[line], down_wh[line]):
            found.append(Finding(f"line {line}", "one way", f"{up_wh[line]} up, {down_wh[line]} down"))
    return [up - down for up, down in zip(up_wh, down_wh, strict=True)], found


def _order_findings(feeder: Feeder, agreement: Agreement, price: list[float]) -> list[Finding]:
    """Who would rather have traded more, or less, at the price of its bus; trades that are not half way between two buses."""
    book, bus = feeder.book, feeder.bus.tolist()
    filled = agreement.trades.filled_wh(len(book)).tolist()
    columns: Any = (book.is_sell.tolist(), book.limit_micro_per_kwh.tolist(), book.energy_wh.tolist())
    found = []
    for row, (sells, limit, energy) in enumerate(zip(*columns, strict=True)):
        gain = price[bus[row]] - limit if sells else limit - price[bus[row]]
        if (gain > 0 and filled[row] < energy) or (gain < 0 and filled[row]):
            found.append(Finding(f"order {row}", f"what it wants of {energy} Wh at its bus", str(filled[row])))
    trades = agreement.trades
    columns = (c.tolist() for c in (trades.sell_order, trades.buy_order, trades.buy_price_micro_per_kwh))
    for sell, buy, paid in zip(*columns, strict=True):
        middle = (price[bus[sell]] + price[bus[buy]]) / 2
        if abs(paid - middle) > 0.5:
            found.append(Finding(f"trade of {sell} and {buy}", f"{middle}", str(paid)))
    return found


def _line_findings(feeder: Feeder, flow_wh: list[int], price: list[float]) -> list[Finding]:
    """Lines with room between unequal prices, full ones from dear to cheap, and too few that are full at all."""
    found, full = [], 0
    lines = zip(feeder.lines.toward.tolist(), feeder.lines.limit_wh.tolist(), flow_wh, strict=True)
    for line, (toward, limit, flow) in enumerate(lines):
        if toward < 0:
            continue
        rise = price[toward] - price[line]
        full += rise != 0
        if (rise > 0 and flow != limit) or (rise < 0 and flow != -limit):
            found.append(Finding(f"line {line}", f"{limit} Wh where prices differ by {rise:.0f}", str(flow)))
    if len(feeder.book) >= CROWDED_ORDERS and full * LEAST_FULL < BUSES:
        found.append(Finding("lines", f"one in {LEAST_FULL} of {BUSES} full", str(full)))
    return found
