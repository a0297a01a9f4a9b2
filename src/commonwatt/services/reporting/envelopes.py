"""Caps: what every member was told that it may send out, what inverters held back to keep that, and what it was worth."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.burden import held_wh
from commonwatt.services.reporting.fullest import days_of
from commonwatt.services.reporting.html import Table, paragraph, plot
from commonwatt.services.reporting.plots import GREEN, INK, ORANGE, Figure, figure
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.timeline import LONGEST
from commonwatt.services.reporting.words import count, energy, kwh, local_start, money, percent, several, slot_word

MOST_SLOTS: Final = 48
"""A longer run is told by day."""


def export_caps_wh(books: Books) -> Ints:
    """What all members together might have sent out, by slot, shape (slots,)."""
    return summed(books.slot_rows("envelopes"), numbers(books.tables["envelopes"], "export_wh"), books.slots)


def caps_section(results: Results) -> str:
    """What was held back of whose sun, its worth, and the caps over time; empty where nothing was allotted."""
    books, word = results.books, slot_word(results.facts)
    if not books.tables["envelopes"].num_rows:
        return ""
    held = held_wh(books)
    caps = numbers(books.tables["envelopes"], "export_wh")
    text = "<h3>Caps</h3>\n" + paragraph(
        f"Before each {word} every member was told what it may send out; its inverter and storage obey, so that the feeder keeps its limits whatever is traded."
        + (
            f" Caps of those who may send anything out went from {kwh(int(caps[caps > 0].min()))} to {energy(int(caps.max()))}."
            if caps.any()
            else " Nobody might send anything out."
        )
    )
    text += paragraph(_held_words(results, held))
    return (
        text
        + plot("caps", "What members might send out together, what they did, and what was held back.")
        + _table(results, held)
    )


def _held_words(results: Results, held: Ints) -> str:
    """How much of whose sun, and its worth as fed in and as sold to a neighbour in the same slots."""
    books, currency = results.books, results.facts.currency
    total = int(held.sum())
    if not total:
        return "No inverter had to hold anything back."
    could = total + int(results.members.pv_wh.sum())
    most = int(np.argmax(books.by_slot(held)))
    fed = int((held * books.cell_rates("feed_in")).sum())
    said = (
        f"{energy(total)} of sun were held back, {percent(total / could)} of what the panels could have given, behind "
        f"{several(int((books.by_member(held) > 0).sum()), 'member')} in {several(int((books.by_slot(held) > 0).sum()), slot_word(results.facts))}, "
        f"most at {local_start(results.facts, most).strftime('%Y-%m-%d %H:%M')} ({energy(int(books.by_slot(held)[most]))}). "
        f"Fed in, that was worth {money(fed, currency)}"
    )
    mean = _neighbours_micro(books)
    sold = int((books.by_slot(held) * mean).sum())
    there = books.by_slot(held)[mean > 0].sum()
    if there:
        of_it = f" for {energy(int(there))} of it" if there < total else ""
        said += f"; at what neighbours paid each other then, {money(sold, currency)}{of_it}"
    return f"{said}. The comparison with no market is on the same meters, so no saving on this page counts what was held back."


def _neighbours_micro(books: Books) -> Ints:
    """What neighbours paid each other by slot, micro per kWh, rounded down; 0 where nothing was traded."""
    trades, slot = books.tables["trades"], books.slot_rows("trades")
    bought = books.cell_rows("trades", "buyer") >= 0
    wh, micro = books.agreed_wh[bought], numbers(trades, "buy_price_micro_per_kwh")[bought]
    total = summed(slot[bought], wh, books.slots)
    paid = summed(slot[bought], wh * micro, books.slots)
    return paid // np.maximum(total, 1)


def caps_figure(results: Results) -> Figure:
    """What members might send out together and did, and what was held back, by slot or in a long run by day; kWh."""
    spans = _spans(results)
    traces: list[Figure] = []
    for name, values, colour, dash in zip(
        ("may send out together", "sent out", "sun held back"),
        _columns(results.books),
        (INK, GREEN, ORANGE),
        ("dash", "solid", "solid"),
        strict=True,
    ):
        y = [round(int(values[at].sum()) / 1000, 3) for at in spans.values()]
        line = {"color": colour, "dash": dash, "width": 2, "shape": "hv"}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": list(spans),
                "y": y,
                "line": line,
                "hovertemplate": "%{y:.1f} kWh",
            }
        )
    traces[2] |= {"fill": "tozeroy", "fillcolor": "rgba(230,159,0,0.35)"}
    return figure(traces, yaxis={"title": {"text": "kWh"}, "rangemode": "tozero"})


def _columns(books: Books) -> tuple[Ints, Ints, Ints]:
    """Caps, what was sent out, and what was held back, by slot."""
    return export_caps_wh(books), books.by_slot(books.meters.export_wh), books.by_slot(held_wh(books))


def _spans(results: Results) -> dict[str, Ints]:
    """Slots by when they begin, or in a long run by day."""
    slots = results.facts.slots
    if slots > LONGEST:
        return days_of(results)
    return {local_start(results.facts, at).strftime("%Y-%m-%dT%H:%M"): np.array([at], np.int64) for at in range(slots)}


def _table(results: Results, held: Ints) -> str:
    """By slot in a short run, else by day; what nobody sent anything out in, or could have, is left out."""
    books = results.books
    columns, by_slot = _columns(books), books.slots <= MOST_SLOTS
    spans = _spans(results) if by_slot else days_of(results)
    who = (held > 0).reshape(books.slots, books.members)
    rows = [
        [
            name.replace("T", " "),
            *(kwh(int(column[at].sum())) for column in columns),
            count(int(who[at].any(axis=0).sum())),
        ]
        for name, at in spans.items()
        if any(column[at].any() for column in columns[1:])
    ]
    heads = ["May send out together, kWh", "Sent out, kWh", "Sun held back, kWh", "Members held back"]
    return Table("Caps", ["Begins" if by_slot else "Day", *heads], rows).html()
