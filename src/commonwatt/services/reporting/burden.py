"""What the feeder cost whom: trades that were cut, sun that was held back, fees by location; and how evenly that is shared."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from commonwatt.core.units import NANO_PER_UNIT, Ints
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.curtailed import lost_by_member
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.members import jain
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.ways import paid_by_member
from commonwatt.services.reporting.words import kwh, listed, money, percent, several

MOST_ROWS: Final = 10
"""Members that the page's table has, the dearest first; the file has all."""
FILE: Final = "feeder_costs.csv"
COLUMNS: Final = {
    "sales_cut_wh": ("sold_wh", "What the grid cut of its sales."),
    "purchases_cut_wh": ("bought_wh", "What the grid cut of its purchases."),
    "cuts_cost_nano": ("cut_nano", "About what that cost: what the trades were better than the supplier's prices."),
    "pv_held_back_wh": ("held_wh", "What its panels could have given besides, held back to keep a cap."),
    "pv_held_back_cost_nano": ("held_nano", "That at the feed-in price."),
    "way_fees_nano": ("fees_nano", "Fees by location that it paid, as a seller and as a buyer."),
    "together_nano": ("total_nano", "All three."),
}
"""Columns of the file behind the member's name: where each comes from, and what it says."""
_NAMED: Final = 3


@dataclass(frozen=True)
class Burden:
    """One row a member, in order of index; Wh and nano-currency, costs positive."""

    books: Books
    sold_wh: Ints
    """Cut of its sales."""
    bought_wh: Ints
    """Cut of its purchases."""
    cut_nano: Ints
    held_wh: Ints
    """What its panels could have given besides, and its inverter held back to keep a cap."""
    held_nano: Ints
    """That at the feed-in price: what the supplier would have paid for it. A neighbour might have paid more."""
    fees_nano: Ints
    """Fees by location, as a seller and as a buyer."""

    @cached_property
    def total_nano(self) -> Ints:
        """All of it together."""
        return self.cut_nano + self.held_nano + self.fees_nano

    @cached_property
    def ranked(self) -> list[int]:
        """Members whom it touched, the dearest first."""
        touched = self.sold_wh + self.bought_wh + self.held_wh + np.abs(self.fees_nano)
        return [m for m in np.argsort(-self.total_nano, kind="stable").tolist() if touched[m]]


def burden(books: Books) -> Burden:
    """What every member bore."""
    sold, bought, cut = lost_by_member(books)
    held, paid = held_wh(books), paid_by_member(books)
    worth = books.by_member(held * books.cell_rates("feed_in"))
    return Burden(books, sold, bought, cut, books.by_member(held), worth, paid[0] + paid[1])


def held_wh(books: Books) -> Ints:
    """By cell what inverters held back."""
    return books.per_cell(books.cell_rows("flows"), numbers(books.tables["flows"], "curtailed_pv_wh"))


def burden_section(results: Results) -> str:
    """Who bears it, how evenly, and a table of the dearest; empty where nobody bears anything."""
    bore = burden(results.books)
    if not bore.ranked:
        return ""
    text = "<h3>What the feeder cost whom</h3>\n" + "".join(paragraph(said) for said in _sentences(results, bore))
    return text + _table(results, bore) + paragraph(_note(bore))


def _sentences(results: Results, bore: Burden) -> list[str]:
    currency, total, names = results.facts.currency, int(bore.total_nano.sum()), results.books.ids
    said = (
        f"{several(len(bore.ranked), 'member')} of {results.books.members} bore about {money(total, currency)} together"
    )
    payers = [m for m in bore.ranked if bore.total_nano[m] > 0]
    if total > 0 and len(payers) > _NAMED:
        most = payers[:_NAMED]
        part = int(bore.total_nano[most].sum()) / total
        said += f": {listed([f'{names[m]} {money(int(bore.total_nano[m]), currency)}' for m in most])} most, {percent(part)} of it"
    saving = results.members.saving_nano
    shares = [
        float(jain(gains[None, :].astype(np.float64))[0]) for gains in (saving, saving + bore.cut_nano + bore.held_nano)
    ]
    if not any(np.isnan(shares)) and (bore.cut_nano + bore.held_nano).any():
        even = (
            f"The gains are shared with an evenness (Jain's index, 1: all alike) of {shares[0]:.2f}; with what was cut and held back "
            f"given back to who lost it, {shares[1]:.2f}."
        )
        return [f"{said}.", even]
    return [f"{said}."]


def _table(results: Results, bore: Burden) -> str:
    """Only the columns in which there is something."""
    currency = results.facts.currency
    columns = [
        ("Sales cut, kWh", bore.sold_wh, kwh),
        ("Purchases cut, kWh", bore.bought_wh, kwh),
        (f"Cuts cost about {currency}", bore.cut_nano, _amount),
        ("Sun held back, kWh", bore.held_wh, kwh),
        (f"That cost about {currency}", bore.held_nano, _amount),
        (f"Fees by location {currency}", bore.fees_nano, _amount),
        (f"Together {currency}", bore.total_nano, _amount),
    ]
    shown = [column for column in columns if column[1].any() or column is columns[-1]]

    def row(name: str, members: list[int]) -> list[str]:
        return [name, *(said(int(values[members].sum())) for _, values, said in shown)]

    first, rest = bore.ranked[:MOST_ROWS], bore.ranked[MOST_ROWS:]
    rows = [row(bore.books.ids[m], [m]) for m in first]
    rows += [row(several(len(rest), "other"), rest)] if rest else []
    heads = ["Member", *(head for head, *_ in shown)]
    return Table("What the feeder cost whom", heads, rows, foot=row("Together", bore.ranked)).html()


def _note(bore: Burden) -> str:
    said = []
    if bore.cut_nano.any() or bore.sold_wh.any() or bore.bought_wh.any():
        said.append(
            "A cut costs what the trade was better than the supplier's prices; whether the energy would have come is not looked at"
            + (", nor the fee of its way, which was not paid." if bore.fees_nano.any() else ".")
        )
    if bore.held_wh.any():
        said.append("Sun held back is counted at the feed-in price.")
    return " ".join([*said, f"Every member's row is in `{FILE}`, beside this page."])


def burden_csv(books: Books) -> str:
    """One line a member whom the feeder cost something, the dearest first, with exact numbers; empty where it cost nobody anything."""
    bore = burden(books)
    if not bore.ranked:
        return ""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["member", *COLUMNS, f"together_{books.facts.currency}"])
    for m in bore.ranked:
        values = (int(getattr(bore, attribute)[m]) for attribute, _ in COLUMNS.values())
        whole, rest = divmod(abs(int(bore.total_nano[m])), NANO_PER_UNIT)
        sign = "-" if bore.total_nano[m] < 0 else ""
        lines.writerow([books.ids[m], *values, f"{sign}{whole}.{rest:09d}"])
    return text.getvalue()


def _amount(nano: int) -> str:
    return money(nano, "").strip()
