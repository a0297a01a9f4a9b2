"""Who was curtailed: what the grid took of whose trades, what that was worth beside the supplier's prices, and which limits asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.units import Flags, Ints
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.html import paragraph
from commonwatt.services.reporting.words import energy, listed, money, several

if TYPE_CHECKING:
    from commonwatt.services.reporting.summary import Results

MOST_PLACES = 8
"""Lines and buses that the page names."""
MOST_NAMED = 3
"""Members that the page names of one slot."""
RULES = {
    "pro_rata": "all trades that push a limit lose the same part",
    "newest": "those made last lose first",
    "least_welfare": "those with the least between bid and ask per Wh of relief lose first",
}
"""In words what `[grid] curtailment` says; a model with a rule of its own has only its name."""


@dataclass(frozen=True)
class CutSides:
    """What was cut, one row a side of a trade and a limit; a trade with the pool has one side."""

    cell: Ints
    """Slot and member (see `Books`)."""
    energy_wh: Ints
    lost_nano: Ints
    """About what the member lost by it: as if the energy had come as agreed, a seller has the feed-in price in place of the trade's, a buyer
    the supplier's with all fees in place of the trade's with the local ones. A cut sale that was never generated cost nothing, which this
    does not know; nor does it know the fee of the way, which a cut trade would have paid."""
    is_sale: Flags


def cut_sides(books: Books) -> CutSides:
    """Every side of every cut whose order is one of this run's members."""
    cut, cell_of = books.tables["curtailments"], books.cell_of_order
    cut_wh, sides = numbers(cut, "energy_wh"), []
    for name in ("sell", "buy"):
        cells = np.array([cell_of.get(order, -1) for order in cut.column(f"{name}_order").to_pylist()], np.int64)
        real = np.flatnonzero(cells >= 0)
        cells, price = cells[real], numbers(cut, f"{name}_price_micro_per_kwh")[real]
        if name == "sell":
            gain = price - books.cell_rates("feed_in")[cells]
        else:
            gain = (books.cell_rates("all_in") - books.cell_rates("local_charges"))[cells] - price
        sides.append((cells, cut_wh[real], cut_wh[real] * gain, np.full(len(real), name == "sell")))
    return CutSides(*(np.concatenate(column) for column in zip(*sides, strict=True)))


def lost_by_member(books: Books) -> tuple[Ints, Ints, Ints]:
    """Per member what was cut of its sales and of its purchases (Wh), and about what it lost by that (nano)."""
    sides = cut_sides(books)
    member = sides.cell % max(books.members, 1)
    sold, bought = (
        summed(member[rows], sides.energy_wh[rows], books.members) for rows in (sides.is_sale, ~sides.is_sale)
    )
    return sold, bought, summed(member, sides.lost_nano, books.members)


def places(results: Results, at: int | None = None) -> str:
    """Which limits asked for how much, both sides of a trade counted; of the run, or of one slot."""
    cut = results.books.tables["curtailments"]
    rows = np.ones(cut.num_rows, np.bool_) if at is None else results.books.slot_rows("curtailments") == at
    asked: dict[str, int] = {}
    for name, wh, here in zip(cut.column("element").to_pylist(), numbers(cut, "energy_wh").tolist(), rows, strict=True):
        if here:
            asked[name] = asked.get(name, 0) + wh
    ranked = sorted(asked.items(), key=lambda place: (-place[1], place[0]))
    said = [f"{name or 'a limit of the model'} ({energy(wh)})" for name, wh in ranked[:MOST_PLACES]]
    rest = len(ranked) - MOST_PLACES
    return listed(said + ([several(rest, "other")] if rest > 0 else []))


def cut_words(results: Results, at: int, *, names: bool) -> str:
    """What was cut in a slot, by which rule, for which limits, and about what it cost whom (or how many); empty where nothing was."""
    books, currency = results.books, results.facts.currency
    here = books.slot_rows("curtailments") == at
    if not here.any():
        return ""
    cut = books.tables["curtailments"].filter(here)
    trades = set(zip(cut.column("sell_order").to_pylist(), cut.column("buy_order").to_pylist(), strict=True))
    sold = np.array([order is not None for order in cut.column("sell_order").to_pylist()], np.bool_)
    rules = sorted({name for name in cut.column("rule").to_pylist() if name})
    by = "".join(f" by the rule `{name}`" + (f" ({RULES[name]})" if name in RULES else "") for name in rules)
    sides = cut_sides(books)
    mine = sides.cell // max(books.members, 1) == at
    member = sides.cell[mine] % books.members
    lost = summed(member, sides.lost_nano[mine], books.members)
    hit = np.flatnonzero(summed(member, sides.energy_wh[mine], books.members))
    return (
        f"{energy(int(numbers(cut, 'energy_wh')[sold].sum()))} of {several(len(trades), 'trade')} were cut{by}, for {places(results, at)}. "
        f"That cost {_whom(books, lost, hit, currency) if names else several(len(hit), 'member')} about {money(int(lost.sum()), currency)}."
    )


def _whom(books: Books, lost: Ints, hit: Ints, currency: str) -> str:
    """`home-15 (0.23 USD), flat-02 (0.11 USD) and 12 others`, the dearest first."""
    ranked = sorted(hit.tolist(), key=lambda m: (-int(lost[m]), m))
    who = [f"{books.ids[m]} ({money(int(lost[m]), currency)})" for m in ranked[:MOST_NAMED]]
    rest = len(ranked) - len(who)
    return listed([*who, several(rest, "other")] if rest else who)


def curtailed_section(results: Results) -> str:
    """Sentences: how much was cut of how many trades, and for which limits; empty where nothing was cut."""
    if not results.books.tables["curtailments"].num_rows:
        return ""
    return paragraph(
        f"The grid cut {energy(results.whole('curtailed_wh'))} of {several(results.whole('curtailed_trades'), 'trade')}. Both sides of a trade "
        f"counted, these limits asked for it: {places(results)}. Which trade was cut for which limit, and why, is in the public table `curtailments`."
    )
