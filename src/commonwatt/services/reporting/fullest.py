"""The fullest slot explained, and where the feeder is full: words and tables of what the drawing shows."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.services.reporting.bands import band_words
from commonwatt.services.reporting.books import numbers, summed
from commonwatt.services.reporting.curtailed import cut_words
from commonwatt.services.reporting.flowed import BEYOND, CROWD, Flowed
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import (
    count,
    energy,
    kwh,
    local_start,
    money,
    percent,
    several,
    slot_word,
    start_words,
)

MOST_LINES: Final = 10
"""Lines of the table, the fullest first."""
_NEARLY: Final = 0.8
_NONE: Final = "\u2013"


def branch_name(flowed: Flowed, branch: int) -> str:
    """`the transformer`, or `line l07`."""
    return "the transformer" if branch == 1 else f"line {flowed.tree.names[branch]}"


def explained(results: Results, flowed: Flowed) -> str:
    """Which line was fullest when, who was behind it, and what was traded through it (HTML)."""
    word = slot_word(results.facts)
    at = int(np.argmax(flowed.fullest))
    begins = start_words(results.facts, at)
    title = f"<h3>The fullest {escape(word)}, explained</h3>\n"
    if not flowed.power.is_solved[at]:
        missing = several(int((~flowed.power.is_solved).sum()), word)
        said = f"In {missing} there is no power flow: more was asked of the feeder than it can bring. The first begins at {begins}."
        return title + paragraph(said) + _figures(results, flowed, 1, at) + _cut(results, at)
    branch = int(np.argmax(flowed.loading_share[:, at]))
    if not branch:
        return title + paragraph(f"Nothing flowed through any line in any {word}.")
    said = f"At {begins} {branch_name(flowed, branch)} carried {_load(flowed, branch, at)}."
    if flowed.members[branch] >= CROWD:
        said += f" Behind it are {several(int(flowed.members[branch]), 'member')}."
    told = branch
    while told and not flowed.is_told[told]:
        told = flowed.tree.toward[told]
    if not told:
        return title + paragraph(f"{said} So few members have no energy of theirs told.") + _cut(results, at)
    if told != branch:
        said += f" Energy is told of {branch_name(flowed, told)}, on the way to it: with fewer members it would say what each of them used."
    return (
        title + paragraph(f"{said} {_who(flowed, told, at)}") + _cut(results, at) + _figures(results, flowed, told, at)
    )


def _cut(results: Results, at: int) -> str:
    """What was cut then, and in the slot in which most was (HTML); empty where nothing was cut in the run."""
    books, cut = results.books, results.books.tables["curtailments"]
    if not cut.num_rows:
        return ""
    word = slot_word(results.facts)
    taken = summed(books.slot_rows("curtailments"), numbers(cut, "energy_wh"), books.slots)
    text = paragraph(
        cut_words(results, at, names=True)
        or f"In that {word} no trade was cut: nothing that was agreed passed a limit."
    )
    most = int(np.argmax(taken))
    if most == at:
        return text
    begins = start_words(results.facts, most)
    return text + paragraph(f"Most was cut at {begins}. {cut_words(results, most, names=True)}")


def _who(flowed: Flowed, branch: int, at: int) -> str:
    """Who filled it, and what trade had to do with it."""
    net, traded = int(flowed.metered_wh[branch, at]), int(flowed.traded_wh[branch, at])
    sides = ("exported", "imported") if net > 0 else ("imported", "exported")
    most, least = (int(flowed.exported_wh[branch, at]), int(flowed.imported_wh[branch, at]))[:: 1 if net > 0 else -1]
    text = (
        f"Those behind {branch_name(flowed, branch)} {sides[0]} {energy(most)} and {sides[1]} {energy(least)}, so that "
        f"{energy(abs(net))} went {'out towards the grid' if net > 0 else 'in from the grid'}."
    )
    if branch == 1 and not traded:
        return f"{text} Trades stay within the community: none of that is theirs, all of it the supplier's."
    if not traded:
        return f"{text} What was sold through it was bought back through it: net, nothing was traded there."
    same = (traded > 0) == (net > 0)
    part = f", {percent(abs(traded) / abs(net))} of that" if same and abs(traded) <= abs(net) else ""
    way = f"{'sold' if traded > 0 else 'bought'} {energy(abs(traded))} more through it than they {'bought' if traded > 0 else 'sold'}"
    return f"{text} In trades they {way}{part}" + ("; the rest was the supplier's." if part else ".")


def _figures(results: Results, flowed: Flowed, branch: int, at: int) -> str:
    """The same as a table; empty where nothing may be told."""
    if not flowed.is_told[branch]:
        return ""
    rows = [
        ["Members behind it", count(int(flowed.members[branch]))],
        ["Metered export, kWh", kwh(int(flowed.exported_wh[branch, at]))],
        ["Metered import, kWh", kwh(int(flowed.imported_wh[branch, at]))],
        ["Sold by them, kWh", kwh(int(flowed.sold_wh[branch, at]))],
        ["Bought by them, kWh", kwh(int(flowed.bought_wh[branch, at]))],
        ["Traded through it, net, kWh", kwh(abs(int(flowed.traded_wh[branch, at])))],
        [
            "Lost on the whole feeder, kWh",
            kwh(int(results.books.losses_wh[at])) if flowed.power.is_solved[at] else _NONE,
        ],
        [f"Fees of the way on the {slot_word(results.facts)}'s trades, {results.facts.currency}", _fees(results, at)],
    ]
    name = branch_name(flowed, branch)
    return Table("The fullest slot", [name[:1].upper() + name[1:], ""], rows).html()


def _fees(results: Results, at: int) -> str:
    books, trades = results.books, results.books.tables["trades"]
    each = numbers(trades, "sell_fee_micro_per_kwh") + numbers(trades, "buy_fee_micro_per_kwh")
    rows = books.slot_rows("trades") == at
    return money(int((numbers(trades, "delivered_wh") * each)[rows].sum()), "").strip()


def _load(flowed: Flowed, branch: int, at: int) -> str:
    """`95 % of what it may carry (49 A of 52 A)`; of a line with few members behind it, whose current would be theirs, only the band."""
    share = float(flowed.loading_share[branch, at])
    if flowed.members[branch] < CROWD:
        return f"{band_words(share)} of what it may carry"
    limits = flowed.wires.rating_share
    if branch == 1:
        most, unit = flowed.wires.feeder.transformer.rating_va * limits / 1000, "kVA"
    else:
        ratings = {each.id: each.rating_a for each in flowed.wires.feeder.branches}
        most, unit = ratings[flowed.tree.names[branch]] * limits, "A"
    return f"{percent(share)} of what it may carry ({share * most:,.0f} {unit} of {most:,.0f} {unit})"


def lines_table(results: Results, flowed: Flowed) -> str:
    """The fullest lines of the run: how full, when, how long, and what went through them (HTML)."""
    word, loading = slot_word(results.facts), flowed.loading_share
    peak = loading.max(axis=1)
    ranked = [int(n) for n in np.argsort(-peak, kind="stable") if n > 0][:MOST_LINES]
    heads = [
        "Line",
        "To bus",
        "Fullest",
        "At",
        f"{word.capitalize()}s over 80\u00a0%",
        f"{word.capitalize()}s over 100\u00a0%",
        "Members behind it",
    ]
    heads += ["Metered out kWh", "Metered in kWh", "Traded through it, net, kWh"]
    rows = []
    for branch in ranked:
        many, when = flowed.members[branch] >= CROWD, int(np.argmax(loading[branch]))
        through = [_NONE] * 3
        if flowed.is_told[branch]:
            sums = (flowed.exported_wh, flowed.imported_wh, np.abs(flowed.traded_wh))
            through = [kwh(int(column[branch].sum())) for column in sums]
        rows.append(
            [
                flowed.tree.names[branch],
                flowed.tree.bus_names[branch],
                percent(float(peak[branch])) if many else band_words(float(peak[branch])),
                start_words(results.facts, when) if many else _NONE,
                count(int((loading[branch] > _NEARLY).sum())) if many else _NONE,
                count(int((loading[branch] > BEYOND).sum())),
                count(int(flowed.members[branch])),
                *through,
            ]
        )
    return "<h3>The fullest lines</h3>\n" + Table("The fullest lines", heads, rows, texts=2).html()


def days_table(results: Results, flowed: Flowed) -> str:
    """Losses, the fullest line and the extremes of voltage of every local day (HTML)."""
    word, lost = slot_word(results.facts), results.books.losses_wh
    low, high = flowed.voltages
    heads = ["Day", "Lost kWh", "Fullest", "Lowest voltage", "Highest voltage", f"{word.capitalize()}s beyond a limit"]
    rows = []
    for name, at in days_of(results).items():
        if not flowed.power.is_solved[at].any():
            rows.append([name, kwh(int(lost[at].sum())), *[_NONE] * 3, count(len(at))])
            continue
        rows.append(
            [
                name,
                kwh(int(lost[at].sum())),
                percent(float(flowed.loading_share[:, at].max())),
                *(f"{100 * float(share):.1f}\u00a0%" for share in (np.nanmin(low[at]), np.nanmax(high[at]))),
                count(int((flowed.is_over | flowed.is_off)[at].sum())),
            ]
        )
    table = Table("The wires day by day", heads, rows).html()
    table = table if len(rows) <= 31 else f"<details><summary>{len(rows)} days</summary>{table}</details>"
    return "<h3>Day by day</h3>\n" + table


def days_of(results: Results) -> dict[str, Ints]:
    """The slots of every local day, counted from the first of the run."""
    found: dict[str, list[int]] = {}
    for at in range(results.facts.slots):
        found.setdefault(local_start(results.facts, at).date().isoformat(), []).append(at)
    return {name: np.array(at, np.int64) for name, at in found.items()}
