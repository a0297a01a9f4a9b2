"""What every clearing mechanism reaches on random feeders: docs/reference/clearing-on-lines.{csv,md}.

    python scripts/clearing_on_lines.py          # writes both files; a minute

The optimum is `central_optimum`'s, which tests hold against a linear programme over flows.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.reference.markdown import csv_text  # noqa: E402

from commonwatt.clearing import (  # noqa: E402
    CLEARINGS,
    ClearingContext,
    Lines,
    OrderFacts,
    clear_on_lines,
    promise_findings,
)
from commonwatt.core.determinism import stream  # noqa: E402
from commonwatt.core.orders import OrderBook, Preference, Source  # noqa: E402
from commonwatt.core.tariff import Rates  # noqa: E402
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano  # noqa: E402
from commonwatt.pricing import PRICINGS  # noqa: E402

BOOKS, ORDERS, BUSES = 200, 24, 8
RETAIL, FEED_IN = 300_000, 0
COLUMNS = ("mechanism", "books", "without_lines", "mean", "lowest_tenth", "least", "traded_share")
CSV = ROOT / "docs" / "reference" / "clearing-on-lines.csv"
PAGE = CSV.with_suffix(".md")
HEAD = f"""# Clearing on a feeder

*Written by `scripts/clearing_on_lines.py`; a test computes it again.*

{BOOKS} random books of {ORDERS} orders (half of them sell, limits up to {RETAIL} micro per kWh, 1 to 5000 Wh) on random trees of {BUSES} buses whose lines carry up to
8000 Wh and cost 0, 10 000 or 20 000 micro per kWh; tariff, sources and preferences as in the [table without wires](clearing-efficiency.md).
What is reached is welfare less the fees of all ways, over the most that any trades within every line could reach with the same fees (`central_optimum`,
which tests hold against a linear programme over flows). `without lines`: the same figure for the same books where nothing is between the orders, so that what the
mechanism gives up by itself can be told from what going [zone by zone](../explain/clearing.md#lines-inside-the-market) gives up.
`traded` is the energy traded over the optimum's.

| mechanism | without lines | mean | lowest tenth | least | traded |
|---|---|---|---|---|---|
"""


def random_market(seed: int) -> tuple[OrderBook, ClearingContext]:
    """A book and the feeder under it."""
    draw = stream(seed, "clearing on lines")
    book = OrderBook(
        member=np.arange(ORDERS),
        is_sell=draw.permutation(ORDERS) < ORDERS // 2,
        energy_wh=draw.integers(1, 5001, ORDERS),
        limit_micro_per_kwh=draw.integers(0, RETAIL + 1, ORDERS),
        sequence=np.arange(ORDERS),
        source=draw.integers(0, len(Source), ORDERS),
        preference=draw.integers(0, len(Preference), ORDERS),
    )
    toward = np.array([-1, *(int(draw.integers(0, bus)) for bus in range(1, BUSES))])
    fees = draw.integers(0, 3, BUSES) * 10_000
    lines = Lines.of(BUSES, toward=toward, limit_wh=draw.integers(0, 8001, BUSES), fee_micro_per_kwh=fees)
    facts = OrderFacts.unknown(ORDERS).replaced(bus=draw.integers(0, BUSES, ORDERS))
    rates = Rates(RETAIL, FEED_IN, *[0] * 7)
    return book, ClearingContext(0, rates, PRICINGS.make("midpoint"), facts=facts, lines=lines)


def reached(name: str, book: OrderBook, context: ClearingContext, seed: int) -> tuple[int, int]:
    """Welfare less fees (nano) and energy (Wh); the promises are checked on the way."""
    mechanism = CLEARINGS.make(name)
    agreement = clear_on_lines(mechanism, book, replace(context, rng=stream(seed, "efficiency", "draw")))
    if broken := promise_findings(book, agreement, mechanism.breaks, context):
        raise RuntimeError(f"{name}, seed {seed}: {broken}")
    trades = agreement.trades
    return welfare_nano(book, trades) - trades.fees_nano, int(trades.energy_wh[trades.buy_order >= 0].sum())


def row(name: str, books: int = BOOKS) -> dict[str, str]:
    """The line of a mechanism."""
    shares, alone, energy, most = [], [], 0, 0
    for seed in range(books):
        book, context = random_market(seed)
        best, best_wh = reached("central_optimum", book, context, seed)
        if not best:
            continue
        own, own_wh = reached(name, book, context, seed)
        shares.append(own / best)
        alone.append(reached(name, book, replace(context, lines=None), seed)[0] / optimum_welfare_nano(book))
        energy, most = energy + own_wh, most + best_wh
    figures = (np.mean(alone), np.mean(shares), np.quantile(shares, 0.1), np.min(shares), energy / most)
    return dict(zip(COLUMNS, (name, str(len(shares)), *(f"{figure:.4f}" for figure in figures)), strict=True))


def page(table: list[dict[str, str]]) -> str:
    """The table as a page of the reference."""
    ordered = sorted(table, key=lambda line: (-float(line["mean"]), line["mechanism"]))
    lines = [f"| `{line['mechanism']}` | " + " | ".join(line[key] for key in COLUMNS[2:]) + " |" for line in ordered]
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Write both files."""
    table = [row(name) for name in CLEARINGS.names()]
    CSV.write_text(csv_text(COLUMNS, table), encoding="utf-8")
    PAGE.write_text(page(table), encoding="utf-8")
    print(page(table))


if __name__ == "__main__":
    main()
