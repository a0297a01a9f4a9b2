"""How much of the attainable welfare every clearing mechanism reaches on random books: docs/reference/clearing-efficiency.{csv,md}.

    python scripts/clearing_efficiency.py          # writes both files; a minute

The optimum is that of a linear programme (HiGHS) on every book; it must be the closed form that the package computes, to the nano.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.reference.markdown import csv_text  # noqa: E402

from commonwatt.clearing import CLEARINGS, ClearingContext, promise_findings  # noqa: E402
from commonwatt.core.determinism import stream  # noqa: E402
from commonwatt.core.orders import OrderBook, Preference, Source  # noqa: E402
from commonwatt.core.tariff import Rates  # noqa: E402
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano  # noqa: E402
from commonwatt.pricing import PRICINGS  # noqa: E402

BOOKS = 1000
SIZES = (12, 110)
"""Orders of a book: a handful of neighbours, and a market of the demo's size several times over."""
RETAIL, FEED_IN = 300_000, 0
COLUMNS = ("mechanism", "orders", "books", "mean", "median", "lowest_tenth", "least", "whole_share", "traded_share")
CSV = ROOT / "docs" / "reference" / "clearing-efficiency.csv"
PAGE = CSV.with_suffix(".md")
HEAD = f"""# Efficiency of clearing

*Written by `scripts/clearing_efficiency.py`; a test computes it again.*

Welfare over the optimum of the same book, on {BOOKS} random books of each size: half of the orders sell, limits are anything from 0 to
{RETAIL} micro per kWh, energy from 1 to 5000 Wh, all sources and preferences equally likely (seeds 0 to {BOOKS - 1}, books in which nothing can be gained
left out). Mechanisms that price by the tariff see a retail price of {RETAIL} and a feed-in price of {FEED_IN}, so that the range of prices is the range of
limits. Parameters are the defaults. The optimum is a linear programme solved by HiGHS on every book, and equal to the package's closed form on
every one of them. What each mechanism promises and breaks is on the page of [clearing](../explain/clearing.md).

`mean`, `median`, `lowest tenth` and `least` are shares of the optimum; `whole` is the share of books that reached it, `traded` the energy traded over that
of the optimum. The same numbers are in [a CSV file](clearing-efficiency.csv).
"""


@dataclass(frozen=True)
class Books:
    """Random books of one size, with the most that each could gain."""

    orders: int
    books: list[tuple[int, OrderBook]]
    optimum_nano: list[int]
    traded_wh: int


def random_book(seed: int, orders: int) -> OrderBook:
    """As many sellers as buyers, the sellers first."""
    draw = stream(seed, "efficiency", orders)
    return OrderBook(
        member=np.arange(orders),
        is_sell=np.arange(orders) < orders // 2,
        energy_wh=draw.integers(1, 5001, orders),
        limit_micro_per_kwh=draw.integers(0, RETAIL + 1, orders),
        sequence=draw.permutation(orders),
        source=draw.integers(0, len(Source), orders),
        preference=draw.integers(0, len(Preference), orders),
    )


def all_books(orders: int) -> Books:
    """The books of one size in which something can be gained."""
    books, optimum, traded = [], [], 0
    for seed in range(BOOKS):
        book = random_book(seed, orders)
        book = book.take(np.argsort(book.sequence))
        if most := optimum_welfare_nano(book):
            books.append((seed, book))
            optimum.append(most)
            traded += traded_wh(book, "central_optimum", seed)[1]
    return Books(orders, books, optimum, traded)


def linear_optimum(book: OrderBook) -> int:
    """Welfare by HiGHS: fills between 0 and the wish, sold = bought."""
    sign = np.where(book.is_sell, -1.0, 1.0)
    bounds = np.column_stack((np.zeros(len(book)), book.energy_wh))
    solved = linprog(-sign * book.limit_micro_per_kwh, A_eq=[sign], b_eq=[0], bounds=bounds, method="highs")
    if solved.status != 0:
        raise RuntimeError(f"expected an optimum, was {solved.message}")
    # Vertices are whole Wh: rounding the fills makes the sum exact.
    fills = np.round(solved.x).astype(np.int64)
    return int((np.where(book.is_sell, -1, 1) * book.limit_micro_per_kwh * fills).sum())


def traded_wh(book: OrderBook, name: str, seed: int) -> tuple[int, int]:
    """Welfare (nano) and energy (Wh) that a mechanism reaches on a book; its promises are checked on the way."""
    rates = Rates(RETAIL, FEED_IN, *[0] * 7)
    mechanism = CLEARINGS.make(name)
    rng = stream(seed, "efficiency", "draw")
    agreement = mechanism.clear(book, ClearingContext(0, rates, PRICINGS.make("midpoint"), rng=rng))
    if broken := promise_findings(book, agreement, mechanism.breaks):
        raise RuntimeError(f"{name}, seed {seed}: {broken}")
    trades = agreement.trades
    return welfare_nano(book, trades), int(trades.energy_wh[trades.buy_order >= 0].sum())


def row(name: str, books: Books) -> dict[str, str]:
    """The line of a mechanism."""
    reached = [traded_wh(book, name, seed) for seed, book in books.books]
    shares = np.array([welfare / most for (welfare, _), most in zip(reached, books.optimum_nano, strict=True)])
    figures = (
        shares.mean(),
        np.median(shares),
        np.quantile(shares, 0.1),
        shares.min(),
        (shares == 1).mean(),
        sum(energy for _, energy in reached) / books.traded_wh,
    )
    values = (name, str(books.orders), str(len(shares)), *(f"{figure:.4f}" for figure in figures))
    return dict(zip(COLUMNS, values, strict=True))


def rows(names: list[str]) -> Iterator[dict[str, str]]:
    """Every line, size by size."""
    for orders in SIZES:
        books = all_books(orders)
        for name in names:
            yield row(name, books)


def page(table: list[dict[str, str]]) -> str:
    """The table as a page of the reference."""
    lines = [HEAD.rstrip()]
    for orders in SIZES:
        own = [line for line in table if line["orders"] == str(orders)]
        lines += ["", f"## {orders} orders ({own[0]['books']} books)", ""]
        lines += [
            "| mechanism | mean | median | lowest tenth | least | whole | traded |",
            "|---|---|---|---|---|---|---|",
        ]
        own.sort(key=lambda line: (-float(line["mean"]), line["mechanism"]))
        for line in own:
            lines.append(f"| `{line['mechanism']}` | " + " | ".join(line[key] for key in COLUMNS[3:]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Hold every optimum against the solver, then write both files."""
    for orders in SIZES:
        books = all_books(orders)
        for (seed, book), most in zip(books.books, books.optimum_nano, strict=True):
            if linear_optimum(book) != most:
                raise RuntimeError(f"book {seed} of {orders} orders: expected {most}, was {linear_optimum(book)}")
        print(f"{len(books.books)} books of {orders} orders: the linear programme and the closed form agree")
    table = list(rows(CLEARINGS.names()))
    CSV.write_text(csv_text(COLUMNS, table), encoding="utf-8")
    PAGE.write_text(page(table), encoding="utf-8")
    print(page(table))


if __name__ == "__main__":
    main()
