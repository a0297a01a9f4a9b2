"""Who was curtailed: what the grid took of whose trades, what that was worth beside the supplier's prices, and which limits asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.words import energy, kwh, money, several

if TYPE_CHECKING:
    from commonwatt.core.units import Ints
    from commonwatt.services.reporting.summary import Results

MOST_PLACES = 8
"""Lines and buses that the page names."""


def lost_by_member(books: Books) -> tuple[Ints, Ints, Ints]:
    """Per member what was cut of its sales and of its purchases (Wh), and about what it lost by that (nano).

    As if the energy had come as agreed: a seller has the feed-in price in place of the trade's, a buyer the supplier's with all fees in place
    of the trade's with the local ones. A cut sale that was never generated cost nothing, which this does not know.
    """
    cut = books.tables["curtailments"]
    orders = books.tables["orders"]
    cell_of = dict(zip(orders.column("order_id").to_pylist(), books.cell_rows("orders").tolist(), strict=True))
    cut_wh, lost_nano = numbers(cut, "energy_wh"), np.zeros(books.members, np.int64)
    sides = []
    for side, name in ((1, "sell"), (-1, "buy")):
        cells = np.array([cell_of.get(order, -1) for order in cut.column(f"{name}_order").to_pylist()], np.int64)
        real = np.flatnonzero(cells >= 0)
        cells = cells[real]
        own = np.zeros(books.members, np.int64)
        np.add.at(own, cells % books.members, cut_wh[real])
        sides.append(own)
        price = numbers(cut, f"{name}_price_micro_per_kwh")[real]
        if side > 0:
            gain = price - books.cell_rates("feed_in")[cells]
        else:
            gain = (books.cell_rates("all_in") - books.cell_rates("local_charges"))[cells] - price
        np.add.at(lost_nano, cells % books.members, cut_wh[real] * gain)
    return sides[0], sides[1], lost_nano


def curtailed_section(results: Results) -> str:
    """Sentences, which limits asked for it, and the members from whom most was taken; empty where nothing was cut."""
    books, currency = results.books, results.facts.currency
    cut = books.tables["curtailments"]
    if not cut.num_rows:
        return ""
    sold, bought, lost = lost_by_member(books)
    at: dict[str, int] = {}
    for name, wh in zip(cut.column("element").to_pylist(), numbers(cut, "energy_wh").tolist(), strict=True):
        at[name] = at.get(name, 0) + wh
    ranked = sorted(at.items(), key=lambda place: (-place[1], place[0]))[:MOST_PLACES]
    places = ", ".join(f"{name or 'a limit of the model'} ({energy(wh)})" for name, wh in ranked)
    said = (
        f"The grid cut {energy(results.whole('curtailed_wh'))} of {several(results.whole('curtailed_trades'), 'trade')}. Both sides of a trade "
        f"counted, these limits asked for it: {places}. Which trade was cut for which limit, and why, is in the public table `curtailments`."
    )
    rows = [
        [books.ids[m], kwh(int(sold[m])), kwh(int(bought[m])), money(int(lost[m]), "").strip()]
        for m in np.argsort(-(sold + bought), kind="stable").tolist()
        if sold[m] + bought[m]
    ]
    heads = ["Member", "Sales cut, kWh", "Purchases cut, kWh", f"Worth about {currency}"]
    note = "Worth is what the trade was better than the supplier's prices; whether the energy would have come is not looked at."
    return paragraph(said) + Table("Who was curtailed", heads, rows).html() + paragraph(note)
