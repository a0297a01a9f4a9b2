"""Random communities for one slot: a book, feasible trades (pairwise and through the pool), readings, a tariff."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from hypothesis import strategies as st

from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Quality, Readings, Reason, Trades, with_filled
from commonwatt.core.tariff import Rates, clearing_book
from commonwatt.core.units import Ints
from commonwatt.settlement import SettlementContext

REASONS = np.array(
    [Reason.PRICE, Reason.RATIONED, Reason.NO_COUNTERPART, Reason.BALANCE, Reason.CANCELLED, Reason.UNREVEALED],
    np.int64,
)


@dataclass(frozen=True)
class World:
    """One slot to settle."""

    book: OrderBook
    agreement: Agreement
    readings: Readings
    context: SettlementContext


def worlds(timing: str, *, sensible: bool = False) -> st.SearchStrategy[World]:
    """Communities of 0 to 7 members. `sensible`: prices within the limits that clearing sees, on a tariff where buying costs."""
    return st.builds(
        seeded_world, st.integers(0, 2**32), st.integers(0, 7), st.just(timing), sensible=st.just(sensible)
    )


def seeded_world(seed: int, members: int, timing: str, *, sensible: bool = False) -> World:
    """The community of a seed."""
    rng = stream(seed, "world")
    rates = _rates(rng, sensible=sensible)
    registers = _registers(rng, members)
    book = _book(rng, registers if timing == "ex_post" else _registers(rng, members), rates)
    trades = _with_fees(
        stream(seed, "ways"), _trades(rng, book, rates, sensible=sensible), book, rates, sensible=sensible
    )
    rest = rng.choice(REASONS, len(book))
    # A refused order has no fills; what is left of one that has may have been withdrawn.
    is_filled = trades.filled_wh(len(book)) > 0
    rest[is_filled] = rng.choice([Reason.PRICE, Reason.CANCELLED], len(book))[is_filled]
    readings = Readings.of(
        members,
        member=np.arange(members),
        export_wh=registers[0],
        import_wh=registers[1],
        quality=int(Quality.MEASURED),
    )
    balance = int(rng.choice([0, 1, 10**6, 10**12]))
    context = SettlementContext(7, members, rates, timing, balance, losses_wh=int(rng.choice([0, 0, 1, 5_000, 2**30])))
    return World(book, with_filled(book, trades, rest), readings, context)


def _rates(rng: np.random.Generator, *, sensible: bool) -> Rates:
    if sensible:
        feed_in, spread = int(rng.integers(-50_000, 100_000)), int(rng.integers(100_000, 400_000))
        low = {"retail": feed_in + spread, "feed_in": feed_in}
    else:
        low = {}
    values = {}
    for field in fields(Rates):
        name = field.name.removesuffix("_micro_per_kwh")
        charged = name.endswith(("fee", "tax", "levy", "relief"))
        values[field.name] = low.get(
            name,
            int(rng.integers(0 if charged else -100_000, 100_000 if charged else 400_000)) * int(rng.integers(0, 2)),
        )
    return Rates(**values)


def _registers(rng: np.random.Generator, members: int) -> Ints:
    """Export and import, shape (2, members); one of the two is often zero."""
    table = rng.integers(0, int(rng.choice([2, 20, 3000])), (2, members)) * rng.integers(0, 2, (2, members))
    return table.astype(np.int64)


def _book(rng: np.random.Generator, registers: Ints, rates: Rates) -> OrderBook:
    rows = []
    for member, (exported, imported) in enumerate(registers.T.tolist()):
        is_sell, left = exported > imported, max(exported, imported)
        for _ in range(int(rng.integers(0, 4))):
            energy = int(rng.integers(0, left + 1))
            if energy:
                limit = rng.integers(-100_000, 200_000) if is_sell else rng.integers(0, 600_000)
                rows.append((member, is_sell, energy, int(limit)))
                left -= energy
    order = rng.permutation(len(rows))
    table = np.array([rows[row] for row in order], np.int64).reshape(-1, 4)
    return OrderBook.of(
        len(table),
        member=table[:, 0],
        is_sell=table[:, 1].astype(bool),
        energy_wh=table[:, 2],
        limit_micro_per_kwh=table[:, 3],
        sequence=np.arange(len(table)),
    )


def _trades(rng: np.random.Generator, book: OrderBook, rates: Rates, *, sensible: bool) -> Trades:
    limits = clearing_book(book, rates).limit_micro_per_kwh
    left = book.energy_wh.copy()
    sells, buys = np.flatnonzero(book.is_sell), np.flatnonzero(~book.is_sell)
    rows: list[tuple[int, int, int, int, int]] = []
    for _ in range(int(rng.integers(0, 10)) if len(sells) and len(buys) else 0):
        sell, buy = int(rng.choice(sells)), int(rng.choice(buys))
        if not left[sell] or not left[buy] or (sensible and limits[sell] > limits[buy]):
            continue
        energy = int(rng.integers(1, min(left[sell], left[buy]) + 1))
        if sensible:
            paid = int(rng.integers(limits[sell], limits[buy] + 1))
            got = int(rng.integers(limits[sell], paid + 1))
        else:
            paid, got = (int(p) for p in rng.choice(np.append(rng.integers(-100_000, 400_000, 2), 0), 2))
        got = paid if rng.integers(0, 2) else got
        left[[sell, buy]] -= energy
        rows += _deal(rng, sell, buy, energy, got, paid)
    table = np.array(rows, np.int64).reshape(-1, 5)
    names = ("sell_order", "buy_order", "energy_wh", "sell_price_micro_per_kwh", "buy_price_micro_per_kwh")
    return Trades.of(len(table), **dict(zip(names, table.T, strict=True)))


def _deal(
    rng: np.random.Generator, sell: int, buy: int, energy_wh: int, got: int, paid: int
) -> list[tuple[int, int, int, int, int]]:
    """Between the two, or both with the pool."""
    if rng.integers(0, 2):
        return [(sell, buy, energy_wh, got, paid)]
    return [(sell, -1, energy_wh, got, 0), (-1, buy, energy_wh, 0, paid)]


def _with_fees(rng: np.random.Generator, trades: Trades, book: OrderBook, rates: Rates, *, sensible: bool) -> Trades:
    """In half of the worlds both sides pay for their way, now and then the tariff's own local fee; `sensible`: within their limits."""
    if not rng.integers(0, 2):
        return trades
    prices = np.array([0, 1, 7_000, 90_000, rates.local_fee_micro_per_kwh])
    sold, bought = (rng.choice(prices, len(trades)) for _ in range(2))
    if sensible:
        limit = np.append(clearing_book(book, rates).limit_micro_per_kwh, 0)
        sold = np.minimum(sold, np.maximum(trades.sell_price_micro_per_kwh - limit[trades.sell_order], 0))
        bought = np.minimum(bought, np.maximum(limit[trades.buy_order] - trades.buy_price_micro_per_kwh, 0))
    return trades.replaced(
        sell_fee_micro_per_kwh=np.where(trades.sell_order >= 0, sold, 0),
        buy_fee_micro_per_kwh=np.where(trades.buy_order >= 0, bought, 0),
    )
