"""One market by itself: what was traded as tables, and what it came to, for a book that belongs to no run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from commonwatt.clearing import Duals
from commonwatt.core.orders import OrderBook, Preference, Source, trade_ids
from commonwatt.core.records import Agreement, Reason, Trades
from commonwatt.core.units import Floats, Ints, exact_sum
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano
from commonwatt.services.schemas import SCHEMAS

Figures: TypeAlias = dict[str, int | float | str | None]
"""Energy in Wh, money in nano-currency, prices in micro-currency per kWh, shares as fractions of 1; null: there is no such figure."""

FILE_SLOT = 0
"""The slot of a market that has none."""


def trades_table(trades: Trades, order_ids: Any, members: Any) -> pa.Table:
    """The trades with the columns of a run's `trades`; the ids and members of the book's rows are Arrow columns.

    Nothing is delivered yet: `delivered_wh` is null, and amounts are for the energy agreed.
    """
    columns = {
        "slot": np.full(len(trades), FILE_SLOT),
        "trade_id": trade_ids(FILE_SLOT, len(trades)),
        "seller": _taken(members, trades.sell_order),
        "buyer": _taken(members, trades.buy_order),
        "sell_order": _taken(order_ids, trades.sell_order),
        "buy_order": _taken(order_ids, trades.buy_order),
        "sell_amount_nano": trades.energy_wh * trades.sell_price_micro_per_kwh,
        "buy_amount_nano": trades.energy_wh * trades.buy_price_micro_per_kwh,
        "delivered_wh": pa.nulls(len(trades), pa.int64()),
        "round": trades.round.astype(np.int64),
        **{name: getattr(trades, name) for name in ("energy_wh", *_PRICES)},
    }
    schema = SCHEMAS["trades"]
    return pa.Table.from_arrays([_column(columns[field.name], field.type) for field in schema], schema=schema)


def orders_table(book: OrderBook, agreement: Agreement, order_ids: Any, members: Any, as_written: Ints) -> pa.Table:
    """Each order with what it got, in the order `as_written` (the book's rows); `reason` is null where it was filled whole."""
    sides = pa.array(["buy", "sell"]).take(pa.array(book.is_sell.astype(np.int64)))
    reason = pa.array([None, *(r.name.lower() for r in list(Reason)[1:])]).take(pa.array(agreement.reason))
    table = pa.table(
        {
            "order_id": order_ids,
            "member": members,
            "side": sides,
            "energy_wh": book.energy_wh,
            "limit_micro_per_kwh": book.limit_micro_per_kwh,
            "sequence": book.sequence,
            "source": pa.array([s.name.lower() for s in Source]).take(pa.array(book.source)),
            "preference": pa.array([p.name.lower() for p in Preference]).take(pa.array(book.preference)),
            "filled_wh": agreement.trades.filled_wh(len(book)),
            "reason": reason,
        }
    )
    return table.take(pa.array(as_written))


def market_figures(book: OrderBook, trades: Trades, best: Trades | None = None) -> Figures:
    """What was traded and what it is worth, less the fees of all ways; an optimum of 0 is reached in full.

    `best` are the best trades that the lines between orders allow; None: nothing is between them. Prices are the buyers', the mean weighted by energy.
    """
    welfare = welfare_nano(book, trades) - trades.fees_nano
    optimum = optimum_welfare_nano(book) if best is None else welfare_nano(book, best) - best.fees_nano
    bought = trades.take(trades.buy_order >= 0)
    energy_wh, price = int(bought.energy_wh.sum()), bought.buy_price_micro_per_kwh
    paid = exact_sum(bought.energy_wh * price)
    return {
        "traded_wh": energy_wh,
        "welfare_nano": welfare,
        "fees_nano": trades.fees_nano,
        "optimum_welfare_nano": optimum,
        "clearing_efficiency_share": round(welfare / optimum, 9) if optimum else 1.0,
        "price_min_micro_per_kwh": int(price.min()) if energy_wh else None,
        "price_max_micro_per_kwh": int(price.max()) if energy_wh else None,
        "price_mean_micro_per_kwh": (2 * paid + energy_wh) // (2 * energy_wh) if energy_wh else None,
    }


def duals_table(duals: Duals, order_ids: Any, buses: Sequence[str], as_written: Ints) -> pa.Table:
    """What one more unit of each limit is worth, and what energy is worth at each bus: a row a dual, orders in the order `as_written`."""
    parts = [
        _duals_of("energy", order_ids.take(pa.array(as_written)), duals.energy_micro_per_kwh[as_written], "micro/kWh")
    ]
    if duals.budget is not None:
        parts.append(_duals_of("budget", order_ids.take(pa.array(as_written)), duals.budget[as_written], "nano/nano"))
    for kind, values in (("bus", duals.bus_micro_per_kwh), ("line", duals.line_micro_per_kwh)):
        if values is not None:
            parts.append(_duals_of(kind, pa.array(buses, pa.string()), values, "micro/kWh"))
    return pa.concat_tables(parts)


def _duals_of(kind: str, names: Any, values: Floats, unit: str) -> pa.Table:
    size = len(values)
    # More digits than a solver has would differ from machine to machine.
    columns = {"of": pa.array([kind] * size, pa.string()), "name": names, "value": np.round(values, 6) + 0.0}
    return pa.table({**columns, "unit": pa.array([unit] * size, pa.string())})


_PRICES = tuple(f"{side}_{what}_micro_per_kwh" for what in ("price", "fee") for side in ("sell", "buy"))


def _taken(texts: Any, rows: Ints) -> Any:
    return texts.take(pa.array(rows, mask=rows < 0))


def _column(values: Any, kind: pa.DataType) -> Any:
    return values if isinstance(values, pa.Array) else pa.array(values, type=kind)
