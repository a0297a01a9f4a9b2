"""One market from a file: read the orders, clear them, write trades, orders and figures."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from commonwatt.adapters.line_file import LineFile, read_lines
from commonwatt.adapters.order_file import OrderFile, read_orders
from commonwatt.adapters.store.files import write_csv, write_text
from commonwatt.clearing import (
    CLEARINGS,
    NO_PLACE,
    Clearing,
    ClearingContext,
    Duals,
    HasDuals,
    Lines,
    clear_on_lines,
    promise_findings,
)
from commonwatt.core.determinism import stream
from commonwatt.core.errors import BrokenPromise, InvalidInput, MissingExtra, SlotFailed, require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.tariff import Rates
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH
from commonwatt.pricing import PRICINGS
from commonwatt.services.one_market import FILE_SLOT, Figures, duals_table, market_figures, orders_table, trades_table
from commonwatt.services.reporting.words import energy, exact_price, several
from commonwatt.settings.layers import value_of

_WARM_ORDERS: Final = 64
"""Orders of the clearing before the one that is timed."""


@dataclass(frozen=True)
class ClearRequest:
    """What `commonwatt clear` was asked."""

    orders: Path
    mechanism: str
    parameters: tuple[str, ...]
    """`key=value` each."""
    out: Path
    pricing: str = "midpoint"
    retail_micro_per_kwh: int | None = None
    """None: the highest limit of a buyer."""
    feed_in_micro_per_kwh: int | None = None
    """None: the lowest limit of a seller."""
    seed: int = 1
    lines: Path | None = None
    """A feeder's lines; None: nothing is between the orders."""


def clear_file(request: ClearRequest) -> list[str]:
    """Clear one market and write `trades.csv`, `orders.csv`, `summary.json` and, of mechanisms that have some, `duals.csv`; says what came of it.

    Raises:
        InvalidInput: the file, the mechanism, its parameters or the folder; all findings at once, nothing was written.
        BrokenPromise: the mechanism broke a promise that it does not declare broken; nothing was written.

    """
    mechanism, faults = _mechanism(request)
    file, found = read_orders(request.orders)
    feeder, lacking = read_lines(request.lines) if request.lines else (None, [])
    require([*_folder_findings(request.out), *_term_findings(request), *faults, *found, *lacking])
    assert file is not None
    assert mechanism is not None
    if feeder is not None:
        file = _at_buses(file, feeder, request)
    rates = _rates(request, file.book)
    lines = feeder.lines if feeder else None
    every = _context(request, file, rates, lines, len(file.book))
    agreement, cpu_s = _cleared(mechanism, file, rates, request, lines)
    if broken := promise_findings(file.book, agreement, mechanism.breaks, every):
        raise BrokenPromise("; ".join(f"{request.mechanism}: {finding}" for finding in broken))
    best = None if lines is None else clear_on_lines(CLEARINGS.make("central_optimum"), file.book, every).trades
    figures = market_figures(file.book, agreement.trades, best)
    summary = {
        "mechanism": request.mechanism,
        "parameters": {p.name: getattr(mechanism, p.name) for p in CLEARINGS.parameters(request.mechanism)},
        "pricing": request.pricing,
        "retail_micro_per_kwh": rates.retail_micro_per_kwh,
        "feed_in_micro_per_kwh": rates.feed_in_micro_per_kwh,
        "seed": request.seed,
        "orders": len(file.book),
        "trades": len(agreement.trades),
        **figures,
        "note": agreement.note,
        "cpu_s": cpu_s,
    }
    _write(request.out, file, agreement, summary)
    duals = _duals(mechanism, file, every)
    if duals is not None:
        table = duals_table(duals, file.order_ids, feeder.buses if feeder else (), np.argsort(file.lines))
        write_csv(request.out / "duals.csv", table)
    return _ending(request, file.book, agreement, figures, cpu_s, duals is not None)


def _mechanism(request: ClearRequest) -> tuple[Clearing | None, list[Finding]]:
    """The mechanism with its parameters, or what is wrong with either."""
    parameters, found = _parameters(request.parameters)
    if request.mechanism not in CLEARINGS.names():
        return None, [Finding("--mechanism", one_of(request.mechanism, CLEARINGS.names()), repr(request.mechanism))]
    try:
        cls = CLEARINGS.answer(request.mechanism)
    except MissingExtra as error:
        return None, [Finding("--mechanism", "one whose packages are installed", str(error))]
    if lacking := CLEARINGS.lacking(request.mechanism, "--mechanism"):
        return None, [lacking]
    if missing := cls.needs - {"orders"}:
        found.append(Finding("--mechanism", "one that needs a book of orders only", f"needs {', '.join(missing)}"))
    found += CLEARINGS.findings(request.mechanism, "--param", parameters)
    return (None if found else CLEARINGS.make(request.mechanism, **parameters)), found


def _parameters(texts: Sequence[str]) -> tuple[dict[str, Any], list[Finding]]:
    parameters, found = {}, []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            found.append(Finding(f"--param {text[:80]}", "key=value", "something else"))
        else:
            parameters[key.strip()] = value_of(value.strip())
    return parameters, found


def _folder_findings(out: Path) -> list[Finding]:
    if not out.exists():
        return []
    if not out.is_dir():
        return [Finding("--out", "a new or empty folder", "a file")]
    names = sorted(path.name for path in out.iterdir())
    return [Finding("--out", "a new or empty folder", ", ".join(names[:3]))] if names else []


def _term_findings(request: ClearRequest) -> list[Finding]:
    found = []
    top = PRICE_LIMIT_MICRO_PER_KWH - 1
    for name in ("retail_micro_per_kwh", "feed_in_micro_per_kwh"):
        value = getattr(request, name)
        if value is not None and abs(value) > top:
            found.append(Finding(f"--{name.replace('_', '-')}", f"-{top}..{top}", str(value)))
    if request.pricing not in PRICINGS.names():
        found.append(Finding("--pricing", one_of(request.pricing, PRICINGS.names()), repr(request.pricing)))
    return found


def _rates(request: ClearRequest, book: OrderBook) -> Rates:
    """A tariff without fees; what is not given is the best limit of a side, since nobody asks more of a neighbour than of the grid."""
    bids, offers = (book.limit_micro_per_kwh[book.is_sell == side] for side in (False, True))
    retail, feed_in = request.retail_micro_per_kwh, request.feed_in_micro_per_kwh
    retail = int(bids.max(initial=0)) if retail is None else retail
    feed_in = int(offers.min(initial=retail)) if feed_in is None else feed_in
    return Rates(retail, feed_in, retail, feed_in, 0, 0, 0, 0, feed_in)


def _at_buses(file: OrderFile, feeder: LineFile, request: ClearRequest) -> OrderFile:
    """The orders at the buses of the feeder's file.

    Raises:
        InvalidInput: a bus that has no line.

    """
    if file.buses is None:
        return file
    encoded, at = file.buses.dictionary_encode(), {name: row for row, name in enumerate(feeder.buses)}
    names = encoded.dictionary.to_pylist()
    require(
        [
            Finding(f"{request.orders.name} bus", f"empty, or {one_of(name, sorted(at))}", repr(name))
            for name in names
            if name and name not in at
        ]
    )
    codes = np.array([at.get(name, NO_PLACE) for name in names], np.int64)
    bus = codes[encoded.indices.to_numpy(zero_copy_only=False)] if len(encoded) else np.zeros(0, np.int64)
    return replace(file, facts=file.facts.replaced(bus=bus))


def _context(request: ClearRequest, file: OrderFile, rates: Rates, lines: Lines | None, orders: int) -> ClearingContext:
    return ClearingContext(
        FILE_SLOT,
        rates,
        PRICINGS.make(request.pricing),
        rng=stream(request.seed, "clearing", FILE_SLOT),
        facts=file.facts.take(np.arange(orders)),
        lines=lines,
    )


def _cleared(
    mechanism: Clearing, file: OrderFile, rates: Rates, request: ClearRequest, lines: Lines | None
) -> tuple[Agreement, float]:
    """The agreement, and the CPU seconds of the call alone: what is loaded or compiled at a first use was used before."""
    few = min(_WARM_ORDERS, len(file.book))
    every = _context(request, file, rates, lines, len(file.book))
    try:
        clear_on_lines(mechanism, file.book.take(np.arange(few)), _context(request, file, rates, lines, few))
        begun = time.process_time()
        agreement = clear_on_lines(mechanism, file.book, every)
        return agreement, round(time.process_time() - begun, 6)
    except SlotFailed as error:
        raise InvalidInput(
            [Finding(request.orders.name, f"a book that {request.mechanism} can clear", str(error))]
        ) from error


def _duals(mechanism: Clearing, file: OrderFile, context: ClearingContext) -> Duals | None:
    """The duals of a mechanism that has some; None also for a book too large to work them out."""
    if not isinstance(mechanism, HasDuals):
        return None
    try:
        return mechanism.duals(file.book, context)
    except SlotFailed:
        return None


def _write(out: Path, file: OrderFile, agreement: Agreement, summary: dict[str, Any]) -> None:
    names = (file.order_ids, file.members)
    write_csv(out / "trades.csv", trades_table(agreement.trades, *names))
    write_csv(out / "orders.csv", orders_table(file.book, agreement, *names, np.argsort(file.lines)))
    write_text(out / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _ending(
    request: ClearRequest, book: OrderBook, agreement: Agreement, figures: Figures, cpu_s: float, has_duals: bool
) -> list[str]:
    trades = agreement.trades
    filled = int((agreement.reason == 0).sum())
    lines = [
        f"{request.mechanism}: {several(len(book), 'order')}, {several(len(trades), 'trade')}, {several(filled, 'order')} filled whole, {cpu_s} CPU seconds."
    ]
    if len(trades):
        lines.append(
            f"Traded {energy(int(figures['traded_wh'] or 0))} at {_prices(figures)}; {100 * float(figures['clearing_efficiency_share'] or 0):.1f} % of the attainable welfare."
        )
    else:
        lines.append("Nothing was traded; orders.csv says why, order by order.")
    if agreement.note:
        lines.append(f"{agreement.note[0].upper()}{agreement.note[1:]}.")
    return [*lines, f"Written: {request.out}/trades.csv, orders.csv, {'duals.csv, ' if has_duals else ''}summary.json"]


def _prices(figures: Figures) -> str:
    """Of a kWh, in the currency of the file's limits, whatever that is."""
    known = (figures[f"price_{which}_micro_per_kwh"] for which in ("min", "max", "mean"))
    low, high, mean = (exact_price(round(float(price or 0))) for price in known)
    return f"{low} per kWh" if low == high else f"{low} to {high} per kWh, {mean} on average"
