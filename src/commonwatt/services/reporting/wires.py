"""The wires of a run: what was lost, where they were fullest, which slots passed a limit."""

from __future__ import annotations

from typing import Any, Final

from commonwatt.core.units import parts_per_million
from commonwatt.grid import NO_SOLUTION
from commonwatt.services.reporting.approximated import approximated
from commonwatt.services.reporting.burden import burden_section
from commonwatt.services.reporting.curtailed import curtailed_section
from commonwatt.services.reporting.envelopes import caps_figure, caps_section
from commonwatt.services.reporting.feeder_map import feeder_map, map_place, shown_words
from commonwatt.services.reporting.flowed import CROWD, Flowed
from commonwatt.services.reporting.fullest import days_table, explained, lines_table
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.lost import Lost
from commonwatt.services.reporting.neighbours import neighbours_section
from commonwatt.services.reporting.plots import Figure
from commonwatt.services.reporting.strained import branch_words, full_words
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.wire_plots import plot_places, wire_plots
from commonwatt.services.reporting.words import energy, percent, several, slot_word, start_words

_MILLION: Final = parts_per_million(1.0)
MOST_ROWS: Final = 12
"""Slots beyond a limit that the page lists, the fullest first."""

_CUT: Final = ("curtailed", "exceeded")

Row = dict[str, Any]


def wire_sentences(results: Results) -> list[str]:
    """What was lost, and between which voltages; nothing where there was no feeder."""
    rows = [row for row in _rows(results) if row["fullest"]]
    if not rows:
        return []
    used = int(results.members.load_wh.sum())
    lost = results.whole("losses_wh")
    share = f", {percent(lost / used)} of what the members used" if used else ""
    low, high = min(rows, key=lambda row: row["low_ppm"]), max(rows, key=lambda row: row["high_ppm"])
    return [
        " ".join(
            [f"{energy(lost)} were lost in lines and transformer{share}.", Lost(results.books).sentence()]
        ).strip(),
        f"The voltage was between {_volts(low['low_ppm'])} ({low['lowest']}, {_when(results, low)}) and {_volts(high['high_ppm'])} "
        f"({high['highest']}, {_when(results, high)}) of the nominal one.",
    ]


def wires_line(results: Results) -> str:
    """The same for a terminal, in one line; empty where there was no feeder."""
    rows = [row for row in _rows(results) if row["fullest"]]
    if not rows:
        return _beyond(results) if results.whole("unsolved_slots") else ""
    full = max(rows, key=lambda row: row["loading_ppm"])
    lost = f"{energy(results.whole('losses_wh'))} lost{Lost(results.books).words()}"
    fullest = f"{branch_words(full['fullest'])} fullest with {_loading(results, full)}"
    held = results.whole("curtailed_pv_wh")
    return f"{lost}, {fullest}; {_beyond(results)}" + (
        f"; {energy(held)} of sun held back, which no saving counts" if held else ""
    )


def wires_section(results: Results) -> str:
    """Sentences, and the slots beyond a limit; empty where no model of the grid looked."""
    rows = _rows(results)
    if all(row["verdict"] == row["flowed"] == "unchecked" for row in rows):
        return ""
    text = paragraph(full_words(results), "note")
    if results.flowed is not None:
        text += _drawn(results, results.flowed)
    text += burden_section(results) + curtailed_section(results) + caps_section(results) + neighbours_section(results)
    if results.flowed is not None:
        text += _over_time(results, results.flowed)
    return text + _beyond_table(results, rows)


def _beyond_table(results: Results, rows: list[Row]) -> str:
    """The slots beyond a limit, the fullest first; empty where there are none."""
    beyond = [row for row in rows if row["verdict"] in _CUT or "infeasible" in (row["verdict"], row["flowed"])]
    if not beyond:
        return ""
    # Where there is no power flow no line is the fullest: more was asked than any of them can bring.
    ranked = sorted(beyond, key=lambda row: (row["flowed_why"] != NO_SOLUTION, -row["loading_ppm"], row["slot"]))
    ranked = ranked[:MOST_ROWS]
    cells = [
        [_when(results, row), row["verdict"], _first(row["verdict_why"]), row["flowed"], _first(row["flowed_why"])]
        for row in ranked
    ]
    heads = ["Begins", "Trades", "Because of what was agreed", "Metered", "Because of what flowed"]
    text = "<h3>Beyond a limit</h3>\n"
    if len(beyond) > len(ranked):
        text += paragraph(f"The fullest {len(ranked)} of {len(beyond)}; all of them are in the public table `wires`.")
    return text + Table("Beyond a limit", heads, cells, texts=5).html()


def _first(why: str) -> str:
    """The furthest of the limits passed, and how many more there are; the table has five."""
    first, *others = why.split("; ")
    if not others:
        return first or "\u2013"
    more = others.pop().removeprefix("and ").removesuffix(" more") if others[-1].startswith("and ") else ""
    count = len(others) + (int(more) if more else 0)
    return f"{first}, and {several(count, 'other limit')}"


def _drawn(results: Results, flowed: Flowed) -> str:
    """The feeder slot by slot, its fullest slot in words, and how it fares over the run."""
    word = slot_word(results.facts)
    part = flowed.wires.rating_share
    limit = f" What a line may carry is {percent(part)} of its rating in this run." if part != 1 else ""
    feeder = flowed.wires.feeder
    low, high = (percent(round(share - 1, 6)) for share in (feeder.voltage_low_share, feeder.voltage_high_share))
    text = paragraph(
        f"One {word} at a time: thicker and warmer lines are fuller; arrows say which way energy went by the meters and which way it was traded.{limit} Voltages may be {low} to +{high} off the nominal one. "
        f"Energy is told where {CROWD} members or more are together, so that nobody reads a neighbour's meter here."
    )
    text += paragraph(shown_words(results, flowed)) + map_place(results, flowed)
    return text + explained(results, flowed)


def _over_time(results: Results, flowed: Flowed) -> str:
    """Which lines were fullest how long, voltages and losses: what the drawing shows, summed up over the run."""
    text = lines_table(results, flowed)
    if known := approximated(flowed):
        text += paragraph(known.sentence())
    text += plot_places(results, flowed) + days_table(results, flowed)
    return text + "".join(paragraph(sentence) for sentence in wire_sentences(results))


def wire_figures(results: Results) -> dict[str, Figure]:
    """The plots of the wires by name; none where nothing is known of what flowed."""
    flowed = results.flowed
    drawn = {} if flowed is None else {"feeder": feeder_map(results, flowed), **wire_plots(results, flowed)}
    return drawn | ({"caps": caps_figure(results)} if results.books.tables["envelopes"].num_rows else {})


def _rows(results: Results) -> list[Row]:
    rows: list[Row] = results.books.tables["wires"].to_pylist()
    return rows


def _beyond(results: Results) -> str:
    cut, beyond = results.whole("curtailed_slots"), results.whole("infeasible_slots")
    word = slot_word(results.facts)
    if not cut + beyond + results.whole("scheduled_violation_slots"):
        return "no limit was passed"
    void = sum(row["verdict"] == "infeasible" for row in _rows(results)) if results.facts.is_ex_ante else 0
    over, unsolved = results.whole("scheduled_violation_slots") - cut - void, results.whole("unsolved_slots")
    parts = [f"trades were cut in {several(cut, word)} ({energy(results.whole('curtailed_wh'))})"] if cut else []
    parts += [f"all trades were void in {several(void, word)}, because no cut would have helped"] if void else []
    parts += [f"what was agreed passed a limit in {several(over, word)} and was not cut"] if over > 0 else []
    parts += [f"what was metered passed a limit in {several(beyond, word)}"] if beyond else []
    parts += [f"in {unsolved} of them there is no power flow, and what was lost is not known"] if unsolved else []
    return "; ".join(parts)


def _loading(results: Results, row: Row) -> str:
    text = f"{percent(row['loading_ppm'] / _MILLION)} of its rating"
    part = 1.0 if results.facts.wires is None else results.facts.wires.rating_share
    return text if part == 1 else f"{text}, of which {percent(part)} may be used"


def _when(results: Results, row: Row) -> str:
    return start_words(results.facts, row["slot"] - results.facts.first_slot)


def _volts(ppm: int) -> str:
    return f"{100 * ppm / _MILLION:.1f}\u00a0%"
