"""The sections of the page, in reading order: plots, then tables, then what to know before relying on them."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np

from commonwatt.services.reporting.answer import Answer
from commonwatt.services.reporting.caveats import caveats
from commonwatt.services.reporting.html import Section, Table, items, paragraph, plot
from commonwatt.services.reporting.owing import Owing
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.timeline import Timeline, days
from commonwatt.services.reporting.ways import way_section
from commonwatt.services.reporting.wires import wires_section
from commonwatt.services.reporting.words import (
    count,
    energy,
    kwh,
    money,
    percent,
    price,
    several,
    shown_saving_nano,
    slot_word,
    start_words,
)


def sections(results: Results, line: Timeline, told: Answer) -> list[Section]:
    """Every section of the page."""
    by_day = len(line.slots) and int(line.slots.max()) > 1
    per = "day" if by_day else slot_word(results.facts)
    parts = [
        Section(
            "prices",
            "Prices",
            paragraph(
                f"What neighbours paid each other in every {per}, between what the grid pays for a kWh and what it costs. No dot: nothing was traded."
            )
            + plot("prices", "Prices over time. " + told.price),
        ),
        Section(
            "energy",
            "Where the electricity came from",
            paragraph(
                f"What the members used in every {per}, by source; the dotted line is what they sent to the grid. The market does not change these flows, it changes who is paid for them."
            )
            + plot("energy", "Energy by source over time. " + told.local),
        ),
        Section(
            "savings",
            "Who saved what",
            paragraph(f"{told.who} {told.worse_off}") + plot("savings", "What each member saved. " + told.who),
        ),
        Section("imbalance", "Forecasts and imbalance", _imbalance(results, told)),
        Section("wires", "The wires", wires_section(results)),
        Section("ways", "Fees by location", way_section(results)),
        Section("members", "Members", _members(results)),
        Section("days", "Day by day", _days(results)),
        Section("owing", "Who could not pay", _owing(results)),
        Section("ledger", "Use of the ledger", _ledger(results)),
        Section("failed", f"Failed {slot_word(results.facts)}s", _failed(results)),
        Section("settings", "Settings", _settings(results)),
        Section("caveats", "What is real here, and what is not", items(caveats(results))),
    ]
    return [part for part in parts if part.body]


MADE_GOOD = "Of these, paid to who had bought what did not come"


def _imbalance(results: Results, told: Answer) -> str:
    cost, currency = results.forecast, results.facts.currency
    if cost is None:
        return paragraph(
            "There is none, by construction: this market trades after delivery, on what the meters showed, so nothing that was sold can be missing and no forecast is needed."
        )
    text = paragraph(told.forecasts, "note")
    for amount, said in (
        (cost.penalty_nano, "Penalties for what was promised and did not come"),
        (cost.reward_nano, MADE_GOOD if results.facts.settlement == "delivered" else "Rewards for honest forecasts"),
        (cost.imbalance_nano, "Net price of the imbalance itself, paid to the supplier"),
    ):
        text += paragraph(f"{said}: {money(amount, currency)}.") if amount else ""
    text += paragraph(
        "What forecasts cost holds everything that kept the market from the best trades of these meters: forecasts that were off, rules "
        "that made them binding, and what the auction left unmatched."
    )
    return text + plot("imbalance", told.forecasts)


def _ledger(results: Results) -> str:
    used = results.transactions
    if not used:
        return paragraph("No transaction was made.")
    text = f"{several(len(used), 'transaction')}: opening, clearing and settling every {slot_word(results.facts)}. "
    known = [t.gas for t in used if t.gas is not None]
    if len(known) == len(used):
        text += f"Together {sum(known) / 1e6:,.1f} million gas (the measure of work on such a ledger)"
        each = results.summary["gas_per_trade"]
        text += f", {count(float(each))} for each trade." if isinstance(each, float) else "."
        traded = results.whole("delivered_wh")
        text += f" That is {count(1000 * sum(known) / traded)} gas for each kWh traded." if traded else ""
    else:
        text += "Gas was not measured."
    return paragraph(text) + plot("ledger", text)


def _owing(results: Results) -> str:
    """What happened, and a table of the members that owe money or whose orders were refused for want of it; empty where nothing did."""
    owed, currency = Owing(results), results.facts.currency
    said = items(owed.sentences()) if owed.sentences() else ""
    touched = [m for m in range(results.books.members) if owed.debt_nano[m] or owed.refused[m]]
    if not touched:
        return said
    ranked = sorted(touched, key=lambda m: (-int(owed.debt_nano[m]), -int(owed.refused[m])))
    rows = [
        [results.books.ids[m], money(int(owed.debt_nano[m]), "").strip(), count(int(owed.refused[m]))] for m in ranked
    ]
    return said + Table("Members who could not pay", ["Member", f"Owes {currency}", "Orders refused"], rows).html()


def _members(results: Results) -> str:
    f, books, currency = results.members, results.books, results.facts.currency
    amounts = (f.cost_nano, f.baseline_nano)
    volumes = (f.load_wh, f.pv_wh, f.bought_wh, f.sold_wh)

    def row(name: str, rows: list[int], origin: str) -> list[str]:
        nano = [int(column[rows].sum()) for column in amounts]
        share = "earns" if nano[1] <= 0 else percent(1 - nano[0] / nano[1]) if nano[0] >= 0 else "all"
        saved, *plain = (money(amount, "").strip() for amount in (shown_saving_nano(nano[1], nano[0]), *nano))
        return [name, origin, saved, share, *plain, *(kwh(int(column[rows].sum())) for column in volumes)]

    ranked = np.argsort(-f.saving_nano, kind="stable").tolist()
    origins = [results.facts.origins.get(name) or "unknown" for name in books.pseudonyms]
    body = [row(books.ids[m], [m], origins[m]) for m in ranked]
    heads = [
        "Member",
        "Profile",
        f"Saves {currency}",
        "Saves",
        f"With market {currency}",
        f"Without {currency}",
        "Used kWh",
        "Generated kWh",
    ]
    heads += ["From neighbours kWh", "To neighbours kWh"]
    text = paragraph(
        "Without: the same meters, all bought from the grid with fees and taxes, all surplus sold to it. A minus sign means that the "
        "member is paid; \u201cearns\u201d, that it is paid even without a market; \u201call\u201d, that the market turns its bill into an income."
    )
    text += paragraph(
        "A name leads to that member's bill.csv. A bill to hand out, with the proof of every line and a verifier, is made on demand: "
        "`commonwatt bill` with this folder and `--member NAME`, or `--all`."
    )
    bills = {name: f"members/{quote(name)}/bill.csv" for name in books.ids}
    return text + Table("Members", heads, body, texts=2, foot=row("Together", ranked, ""), links=bills).html()


def _days(results: Results) -> str:
    line, currency = days(results.books), results.facts.currency
    if not line.starts:
        return ""
    ex_ante = results.facts.is_ex_ante
    stored = [("Own battery", line.battery_wh)] if line.battery_wh.any() else []
    sources = [
        ("Used kWh", line.load_wh),
        ("Own roof", line.own_wh),
        *stored,
        ("Neighbours", line.neighbours_wh),
        ("Grid", line.grid_wh),
        ("Sent to grid", line.sent_wh),
    ]
    heads = ["Day", *(name for name, _ in sources), f"Price {currency}/kWh"]
    heads += ["Short kWh", "Long kWh"] if ex_ante else []
    rows = []
    for at, (start, mean) in enumerate(zip(line.starts, line.price_micro_per_kwh(), strict=True)):
        cells = [
            start,
            *(kwh(int(column[at])) for _, column in sources),
            "\u2013" if mean is None else price(round(mean)),
        ]
        rows.append(cells + ([kwh(int(line.short_wh[at])), kwh(int(line.long_wh[at]))] if ex_ante else []))
    table = Table("Day by day", heads, rows).html()
    text = paragraph("The figures of the plots, summed over each day.")
    return text + (table if len(rows) <= 31 else f"<details><summary>{len(rows)} days</summary>{table}</details>")


def _failed(results: Results) -> str:
    facts = results.facts
    if not facts.failed:
        return ""
    rows = [[start_words(facts, slot - facts.first_slot), str(slot), why] for slot, why in sorted(facts.failed.items())]
    return (
        paragraph("Their trades are void; all energy was settled with the supplier.")
        + Table("Failed slots", ["Begins", "Slot", "Why"], rows, texts=3).html()
    )


_SELDOM = ("levy", "local_levy", "local_relief")
"""Rates that most tariffs have not: told where they are charged."""


def _settings(results: Results) -> str:
    f, currency = results.facts, results.facts.currency
    timing = {
        "ex_post": "after delivery, on metered energy (ex_post)",
        "ex_ante": "before delivery, on forecasts (ex_ante)",
    }
    pairs = [
        ("Design", f.design), ("Trading", timing.get(f.timing, f.timing)), ("Venue", f.venue), ("Clearing", f.clearing), ("Pricing", f.pricing),
        ("Settlement", f"{f.settlement}, residual {f.residual}"), ("Forecasts", f.forecasting if f.is_ex_ante else "not needed"),
        ("Grid", f.grid), ("Metering", f.metering), ("Ledger", f"{f.chain}, executed by {f.executor}"), ("Slots", f"{count(f.slots)} of {f.slot_s // 60} minutes, from number {f.first_slot}"),
        ("Time zone", f.time_zone), ("Seed", str(f.seed)),
    ]  # fmt: skip
    for name, rates in results.books.rates.items():
        hidden = ("all_in", "local_charges") if results.whole("losses_wh") else ("all_in", "local_charges", "losses")
        if len(rates) and name not in hidden and (rates.any() or name not in _SELDOM):
            low, high = int(rates.min()), int(rates.max())
            said = price(low) if low == high else f"{price(low)} to {price(high)}"
            pairs.append((f"Tariff: {name.replace('_', ' ')}", f"{said} {currency}/kWh"))
    physical = f"{energy(results.whole('imported_wh'))} in, {energy(results.whole('exported_wh'))} out, {energy(results.whole('losses_wh'))} lost"
    pairs.append(("Through the feeder", physical))
    reached = f"{percent(results.share('clearing_efficiency_share'))} of what the orders allowed, {percent(results.share('efficiency_share'))} of what the members' true wishes allowed"
    pairs.append(("Gain reached", reached))
    return Table("Settings", ["Setting", "Value"], [list(pair) for pair in pairs], texts=2).html()
