"""Fees by location of a run: who paid the grid how much for the way of what was traded, and what the grid got in all."""

from __future__ import annotations

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.neighbours import zones_of
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import kwh, money, percent, price

SIDES = (("seller", "sell"), ("buyer", "buy"))


def paid_by_member(books: Books) -> tuple[Ints, Ints, Ints]:
    """Per member what it paid for its part of the way as a seller and as a buyer (nano), and what it traded (Wh), as settled."""
    trades = books.tables["trades"]
    settled_wh = numbers(trades, "delivered_wh")
    traded_wh = np.zeros(books.members, np.int64)
    for side, _ in SIDES:
        traded_wh += books.by_member(books.per_cell(books.cell_rows("trades", side), settled_wh))
    sold, bought = (books.by_member(cells) for cells in way_fees_by_cell(books))
    return sold, bought, traded_wh


def way_fees_by_cell(books: Books) -> tuple[Ints, Ints]:
    """What every member paid for its part of the way in every slot as a seller and as a buyer (nano), as settled."""
    trades = books.tables["trades"]
    settled_wh = numbers(trades, "delivered_wh")
    sold, bought = (
        books.per_cell(books.cell_rows("trades", side), settled_wh * numbers(trades, f"{name}_fee_micro_per_kwh"))
        for side, name in SIDES
    )
    return sold, bought


def way_sentences(results: Results) -> list[str]:
    """What fees by location cost whom and what of the trades paid none; nothing where there were no such fees."""
    books, currency = results.books, results.facts.currency
    if not results.whole("way_fees_nano"):
        return []
    sold, bought, _ = paid_by_member(books)
    free = 1 - _paying_share(books)
    tariff_nano = -int(books.legs("amount_nano", "grid_fee", "local_fee", "fee_relief").sum())
    return [
        f"Fees by location: members paid {money(results.whole('way_fees_nano'), currency)} for the way of what they traded, "
        f"{money(int(sold.sum()), currency)} of it as sellers and {money(int(bought.sum()), currency)} as buyers.",
        f"{percent(free)} of what changed hands, both ends of every trade counted, met where no line with a fee lay on that side's way.",
        f"With the tariff's fees on grid and neighbours' electricity the grid got {money(tariff_nano, currency)}.",
    ]


def way_line(results: Results) -> str:
    """The same for a terminal, as part of a line; empty where there were no such fees."""
    paid = results.whole("way_fees_nano")
    return f"{money(paid, results.facts.currency)} of fees by location" if paid else ""


def way_section(results: Results) -> str:
    """Sentences and who paid; empty without fees by location."""
    said = way_sentences(results)
    if not said:
        return ""
    books, currency = results.books, results.facts.currency
    sold, bought, traded_wh = paid_by_member(books)
    paid = sold + bought
    zones = zones_of(books)
    rows = [
        [
            books.ids[m],
            *([zones.names[zones.of[m]]] if zones else []),
            money(int(paid[m]), "").strip(),
            money(int(sold[m]), "").strip(),
            money(int(bought[m]), "").strip(),
            kwh(int(traded_wh[m])),
            price(int(paid[m]) // int(traded_wh[m])) if traded_wh[m] else "\u2013",
        ]
        for m in np.argsort(-paid, kind="stable").tolist()
    ]
    heads = [
        "Member",
        *(["Zone"] if zones else []),
        f"Paid {currency}",
        "As seller",
        "As buyer",
        "Traded kWh",
        f"{currency} per kWh traded",
    ]
    return (
        "".join(paragraph(text) for text in said)
        + Table("Fees by location", heads, rows, texts=2 if zones else 1).html()
    )


def _paying_share(books: Books) -> float:
    """Of the ends of trades, weighted by energy as settled, those that paid for their way."""
    trades = books.tables["trades"]
    settled_wh, paying, whole = numbers(trades, "delivered_wh"), 0, 0
    for side, name in SIDES:
        real = books.cell_rows("trades", side) >= 0
        paying += int(settled_wh[real & (numbers(trades, f"{name}_fee_micro_per_kwh") > 0)].sum())
        whole += int(settled_wh[real].sum())
    return paying / whole if whole else 0.0
