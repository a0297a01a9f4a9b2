"""The page of a comparison: the answer first, then plots, who loses, the tables, and what to know before relying on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from commonwatt.services.comparison.comparing import Comparison, Estimate
from commonwatt.services.comparison.metrics import METRICS, UNMEASURED, Metric
from commonwatt.services.comparison.outcome import ANSWERS
from commonwatt.services.comparison.plots import figures
from commonwatt.services.comparison.resampling import FEWEST_DAYS, block_days
from commonwatt.services.comparison.telling import (
    behind_nano,
    footnotes,
    headline,
    how_sure,
    losers,
    other_meters,
    saved_nano,
    who_loses,
    without_doubtful,
)
from commonwatt.services.reporting.frame import framed
from commonwatt.services.reporting.html import Section, Table, card_list, items, paragraph, plot
from commonwatt.services.reporting.words import count, kwh, listed, money, percent, price, several

NOTES = "notes"
NONE = "\u2013"
"""What a cell shows where there is no figure."""


def page(comparison: Comparison, links: Mapping[str, str]) -> str:
    """The whole page as HTML; `links` is where the report of each design's run lies."""
    one = comparison.any
    title = f"{one.community}, {one.period}: {several(len(comparison.designs), 'design')}"
    where = f"{title} \u00b7 {several(len(one.members), 'member')} \u00b7 {count(one.slots)} slots of {one.slot_s // 60} minutes"
    if comparison.seeds > 1:
        where += f" \u00b7 means of {comparison.seeds} seeds"
    return framed(title, where, _answer(comparison), sections(comparison, links), figures(comparison))


def sections(comparison: Comparison, links: Mapping[str, str]) -> list[Section]:
    """Every section of the page."""
    _, notes = footnotes(comparison)
    feet = "".join(paragraph(note, "foot") for note in notes)
    again = _again(notes)
    best = comparison.ranked[0]
    gaps = paragraph(how_sure(comparison)) + paragraph(_method(comparison))
    parts = [
        Section("designs", "The designs side by side", _side_by_side(comparison, links) + f'<div id="{NOTES}">{feet}</div>' + plot("saved", "What each design saves. " + headline(comparison))),
        Section("members", "What each design does to every member", _spread(comparison) + plot("members", "A dot a member and design. " + who_loses(comparison)) + _losers(comparison)),
        Section("sure", f"How sure it is that {best} is best", gaps + plot("gaps", how_sure(comparison)) + _gaps(comparison) + again) if len(comparison.designs) > 1 else Section("sure", "", ""),
        Section("days", "Day by day", paragraph("What was saved together since the first day.") + plot("days", "Savings over the days, a line a design.")),
        Section("wires", "The wires under each design", _wires(comparison)),
        Section("table", "Every member under every design", _members(comparison) + again),
        Section("metrics", "All metrics", _metrics(comparison) + again),
        Section("answers", "What each design is", _answers(comparison) + again),
        Section("caveats", "What is real here, and what is not", _caveats(comparison)),
    ]  # fmt: skip
    return [part for part in parts if part.body]


def _again(notes: Sequence[str]) -> str:
    """What stands under a table in place of notes that were read above."""
    if not notes:
        return ""
    marks = listed([note.partition(" ")[0] for note in notes])
    return f'<p class="foot">{escape(marks)} not built whole yet: <a href="#{NOTES}">what is missing</a></p>\n'


def _answer(comparison: Comparison) -> str:
    html = f"<h1>{escape(headline(comparison))}</h1>\n"
    for design, why in comparison.failed.items():
        html += paragraph(f"{design} is left out: it could not be run to its end. {why}", "alarm")
    html += paragraph(who_loses(comparison)) + _cards(comparison) + paragraph(how_sure(comparison))
    html += paragraph(other_meters(comparison), "note") + paragraph(without_doubtful(comparison))
    _, notes = footnotes(comparison)
    if notes:
        html += paragraph(
            "Some designs are not built whole yet: the notes under the first table say what is missing.", "note"
        )
    return html


def _cards(comparison: Comparison) -> str:
    best, one = comparison.ranked[0], comparison.any
    saved, runs = saved_nano(comparison, best), len(comparison.designs) * comparison.seeds
    kind = sum(int((comparison.savings_nano(name) >= 0).all()) for name in comparison.designs)
    at, member = np.unravel_index(np.argmin(comparison.saving_nano), comparison.saving_nano.shape)
    worst = int(comparison.saving_nano[at, member])
    most = f"{one.members[int(member)]} with {comparison.designs[int(at)]}"
    cards = [
        (_plain(money(abs(saved), one.currency)), f"{'saved' if saved >= 0 else 'more paid'} together with {best}", saved < 0),
        (f"{kind} of {len(comparison.designs)}", "designs under which nobody pays more", kind == 0),
        (_plain(money(abs(worst), one.currency)), f"the {'largest loss' if worst < 0 else 'least gain'} of anybody: {most}", worst < 0),
        (f"{runs} of {runs}" if not comparison.failed else f"{len(comparison.failed)} failed", "runs whose books balance and whose ledger was audited", bool(comparison.failed)),
    ]  # fmt: skip
    return card_list(cards)


def _side_by_side(comparison: Comparison, links: Mapping[str, str]) -> str:
    marks, _ = footnotes(comparison)
    currency = comparison.any.currency
    heads = [
        "Design", f"Bills {currency}", f"Saved {currency}", "Pay more", f"Hit hardest {currency}", f"Middle member {currency}", f"Gains most {currency}",
        "Saved, 95\u00a0% interval", f"Price {currency}/kWh", "Between neighbours kWh", "Efficiency",
    ]  # fmt: skip
    rows = []
    for design in comparison.ranked:
        of = comparison.figures[design]
        savings = comparison.savings_nano(design)
        rows.append(
            [
                _marked(design, marks),
                _money(of["cost_nano"].value),
                _money(saved_nano(comparison, design)),
                str(int((savings < 0).sum())),
                _money(int(savings.min())),
                _money(float(np.median(savings))),
                _money(int(savings.max())),
                _interval(of["saving_nano"]),
                _shown(comparison, design, "price_mean_micro_per_kwh"),
                _shown(comparison, design, "backed_wh"),
                _shown(comparison, design, "efficiency_share"),
            ]
        )
    texts = paragraph(
        "The lowest bills first. A name leads to the report of that design's run. Hit hardest and gains most: the member with the "
        "smallest and the largest saving; \u22120.00 is a loss of less than a cent. Between neighbours: traded, and shown by both meters. Efficiency: how much of what the members' "
        "true wishes allowed was reached."
    )
    named = {_marked(name, marks): link for name, link in links.items()}
    return texts + Table("Designs", heads, rows, links=named, marks_losses=True).html()


def _spread(comparison: Comparison) -> str:
    text = paragraph(who_loses(comparison))
    return text + paragraph("Every dot is a member: to the right of zero it saves, to the left, as a cross, it pays more than without a market. The bar is the middle member.")  # fmt: skip


def _losers(comparison: Comparison) -> str:
    said = [line for design in comparison.ranked if (line := losers(comparison, design))]
    return items(said) if said else ""


def _gaps(comparison: Comparison) -> str:
    best, currency = comparison.ranked[0], comparison.any.currency
    marks, _ = footnotes(comparison)
    rows = []
    for design in comparison.ranked[1:]:
        gap = comparison.difference(design, best, "cost_nano")
        if round(gap.value) == 0:
            verdict = "the same bills"
        else:
            verdict = {1: "dearer", -1: "cheaper", 0: "may be chance"}[gap.sign] if gap.has_interval else "not known"
        rows.append([_marked(design, marks), verdict, _money(behind_nano(comparison, design)), _interval(gap)])
    heads = ["Design", "Surely", f"Dearer by {currency}", "95 % interval"]
    return Table(f"Against {best}", heads, rows, texts=2).html()


def _method(comparison: Comparison) -> str:
    days = len(comparison.any.days)
    if comparison.seeds > 1:
        return (
            f"Each design was run with {comparison.seeds} seeds, the same for all. Intervals come from the spread over seeds (Student's t): they say how "
            "much the draws of a run matter, not what other days would bring. Differences are taken seed by seed."
        )
    if days < FEWEST_DAYS:
        return ""
    return (
        f"Intervals come from drawing the {days} days again 2,000 times in blocks of {several(block_days(days), 'day')}, the same days for every design, so that "
        "weather and habits, which hit all designs alike, cancel in the differences, and widened for how few blocks there are. They say what other such days would bring, not what another season would."
    )


_WIRES = {
    "line_loading_max_share": "Fullest line, of its rating",
    "scheduled_violation_slots": "Slots agreed beyond a limit",
    "metered_violation_slots": "Slots metered beyond a limit",
    "metered_voltage_violations": "Voltages off, metered",
    "curtailed_slots": "Slots with trades cut",
    "curtailed_wh": "Cut kWh",
    "losses_wh": "Lost kWh",
}
"""What is told of the wires side by side, and how it is headed."""


def _wires(comparison: Comparison) -> str:
    """The feeder under every design; empty where no run has one."""
    if not any(of["line_loading_max_share"].is_there for of in comparison.figures.values()):
        return ""
    marks, _ = footnotes(comparison)
    currency = comparison.any.currency
    heads = ["Design", *_WIRES.values(), f"Fees by location {currency}"]
    names = (*_WIRES, "way_fees_nano")
    rows = [
        [_marked(design, marks), *(_shown(comparison, design, name) for name in names)] for design in comparison.ranked
    ]
    text = paragraph(
        "Meters say what flowed, whatever was traded: a design changes it where it moves batteries, or holds members to what the wires carry. "
        "The report of each run draws its feeder."
    )
    return text + Table("The wires", heads, rows).html()


def _members(comparison: Comparison) -> str:
    marks, _ = footnotes(comparison)
    one, order = comparison.any, [comparison.designs.index(name) for name in comparison.ranked]
    ranked = np.argsort(-comparison.saving_nano[order[0]], kind="stable").tolist()
    savings, currency = comparison.saving_nano, one.currency
    heads = ["Member", "Profile", *(_marked(name, marks) for name in comparison.ranked)]
    rows = [[one.members[m], one.origins[m], *(_money(int(savings[at, m])) for at in order)] for m in ranked]
    foot = ["Together", "", *(_money(saved_nano(comparison, name)) for name in comparison.ranked)]
    text = paragraph(
        f"What each member saves in {currency} against no market; a minus sign, in red: pays more. The order is that of {comparison.ranked[0]}."
    )
    return text + Table("Members", heads, rows, texts=2, foot=foot, marks_losses=True).html()


def _metrics(comparison: Comparison) -> str:
    marks, _ = footnotes(comparison)
    heads = ["Metric", *(_marked(name, marks) for name in comparison.ranked)]
    rows, under = [], {}
    for metric in METRICS:
        cells = [_shown(comparison, name, metric.name) for name in comparison.ranked]
        title, why = _title(metric, comparison.any.currency), UNMEASURED.get(metric.name)
        under[title] = f"{metric.says}; {why}" if why else metric.says
        rows.append([title, *cells])
    text = paragraph(f"{NONE} says that there is no such figure: nothing was traded, or nothing in this version measures it. metrics.csv has the exact values with their intervals, differences.csv every pair of designs. How long a slot took is another on every machine, so it stands in timing.csv alone.")  # fmt: skip
    return text + Table("Metrics", heads, rows, under=under).html()


def _answers(comparison: Comparison) -> str:
    answers = {name: comparison.outcomes[name][0].answers for name in comparison.ranked}
    rooms = sorted(comparison.any.answers, key=ANSWERS.index)
    alike = [room for room in rooms if len({said[room] for said in answers.values()}) == 1]
    differ = [room for room in rooms if room not in alike]
    marks, _ = footnotes(comparison)
    rows = [[_marked(name, marks), *(said[room] for room in differ)] for name, said in answers.items()]
    same = "; ".join(f"{room.lower()}: {comparison.any.answers[room]}" for room in alike)
    text = paragraph(f"The same in all: {same}.") if same else ""
    heads = ["Design", *differ]
    return text + (Table("Answers of the rooms", heads, rows, texts=len(heads)).html() if differ else "")


def _caveats(comparison: Comparison) -> str:
    said = {name: runs[0].caveats for name, runs in comparison.outcomes.items()}
    common = [text for text in comparison.any.caveats if all(text in texts for texts in said.values())]
    own = [
        f"{name}: {text}"
        for name in comparison.ranked
        for text in said[name]
        if text not in common and not text.startswith("Not built yet")
    ]
    habits = (
        "Members behave the same under every design, but for what its strategies say: nobody here learns to play a design to their own advantage, "
        "buys a battery because of it, or leaves."
    )
    return items([*common, habits, *own])


def _title(metric: Metric, currency: str) -> str:
    unit = {"_nano": f", {currency}", "_wh": ", kWh", "_micro_per_kwh": f", {currency}/kWh"}
    return metric.title + next((text for end, text in unit.items() if metric.name.endswith(end)), "")


def _shown(comparison: Comparison, design: str, name: str) -> str:
    estimate = comparison.figures[design][name]
    if not estimate.is_there:
        return NONE
    value = estimate.value
    if name == "saving_nano":
        return _money(saved_nano(comparison, design))
    if name.endswith("_nano"):
        return _money(value)
    if name.endswith("_wh"):
        return kwh(round(value))
    if name.endswith("_micro_per_kwh"):
        return price(round(value))
    if name.endswith("_share") and not name.endswith("jain_share"):
        return percent(value)
    return count(value) if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


def _interval(estimate: Estimate) -> str:
    return f"{_money(estimate.low)} to {_money(estimate.high)}" if estimate.has_interval else NONE


def _money(amount_nano: float) -> str:
    """A loss keeps its sign, however small it is."""
    text = money(round(amount_nano), "").strip()
    return f"\u2212{text}" if round(amount_nano) < 0 and not text.startswith("\u2212") else text


def _marked(design: str, marks: Mapping[str, str]) -> str:
    return f"{design} {marks[design]}".strip()


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")
