"""What stands in the drawing of the feeder beside loadings and voltages: where trades were cut and sun was held back, and slots without a power flow."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.units import Flags, Ints
from commonwatt.grid import NO_SOLUTION
from commonwatt.services.reporting.bands import BANDS
from commonwatt.services.reporting.books import summed
from commonwatt.services.reporting.burden import held_wh
from commonwatt.services.reporting.curtailed import cut_sides, cut_words
from commonwatt.services.reporting.flowed import Flowed
from commonwatt.services.reporting.plots import BLUE, INK, ORANGE, VERMILLION, Figure
from commonwatt.services.reporting.strained import Strained, branch_words
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import energy, listed, several

CUT: Final = "trades were cut here"
HELD: Final = "sun was held back here"
MISSING: Final = "no power flow"
_MOST_LINES: Final = 3


def mark_traces(full: Strained) -> list[Figure]:
    """Traces of what a run has of these, empty of places; `meta` is what the page's script finds them by."""
    traces: list[Figure] = []
    for is_there, name, meta, marker in (
        (
            full.cut_wh.any(),
            CUT,
            "cut",
            {"symbol": "x-thin-open", "size": 14, "color": INK, "line": {"width": 3}},
        ),
        (
            full.held_wh.any(),
            HELD,
            "held",
            {"symbol": "star-diamond-open", "size": 20, "color": ORANGE, "line": {"width": 2.5}},
        ),
    ):
        if is_there:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "meta": meta,
                    "marker": marker,
                    "hoverinfo": "skip",
                    "x": [],
                    "y": [],
                }
            )
    if full.unsolved.any():
        line = {"color": VERMILLION, "width": 3, "dash": "dot"}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": MISSING,
                "meta": "missing",
                "line": line,
                "hoverinfo": "skip",
                "x": [],
                "y": [],
            }
        )
    return traces


def marked_nodes(results: Results, flowed: Flowed, shown: Ints) -> dict[str, list[list[int]]]:
    """By shown slot the nodes whose members lost trades to the grid, and those whose inverters held back; nothing where nobody did."""
    books, nodes = results.books, len(flowed.tree.toward)
    node = flowed.tree.node[flowed.wires.bus]
    sides = cut_sides(books)
    found = {}
    for name, touched in (("cut", summed(sides.cell, sides.energy_wh, books.cells)), ("held", held_wh(books))):
        if not touched.any():
            continue
        member = touched.reshape(books.slots, books.members)[shown] > 0
        found[name] = [np.flatnonzero(np.bincount(node[here], minlength=nodes)).tolist() for here in member]
    return found


def slot_notes(results: Results, flowed: Flowed, full: Strained, shown: Ints) -> dict[str, str]:
    """What there is to say of a slot beside its fullest line and voltages, by its number among those that are shown."""
    wires = results.books.tables["wires"]
    why = dict(zip(results.books.slot_rows("wires").tolist(), wires.column("flowed_why").to_pylist(), strict=True))
    notes = {}
    for number, at in enumerate(shown.tolist()):
        said = [_missing(full, at, why.get(at, ""))] if full.unsolved[at] else []
        said += [cut_words(results, at, names=False)] if full.cut_wh[at] else []
        said += [f"{energy(int(full.held_wh[at]))} of sun were held back."] if full.held_wh[at] else []
        said += [_filled(flowed, at)] if full.filled[at] else []
        if any(said):
            notes[str(number)] = " ".join(filter(None, said)).replace("`", "")
    return notes


def _missing(full: Strained, at: int, why: str) -> str:
    """What there is to add to that there is none: what became of the trades, and the grid model's reason where it has another."""
    said = f"The grid model says: {why}. " if why and why != NO_SOLUTION else ""
    said += "At the gate no cut would have helped: all trades were void. " if full.void[at] else ""
    return f"{said}What was lost then is not known."


def _filled(flowed: Flowed, at: int) -> str:
    """Which lines trades fill; the market let no more through."""
    full = np.flatnonzero(flowed.is_filled[:, at]).tolist()
    names = [branch_words(flowed.tree.names[node]) for node in full[:_MOST_LINES]]
    names += [several(len(full) - _MOST_LINES, "more line")] if len(full) > _MOST_LINES else []
    return f"Trades fill {listed(names)}: the market let no more through."


def strip(flowed: Flowed, full: Strained, shown: Ints) -> str:
    """Every shown slot as a stripe under the slider: how full the fullest line was, and below it where trades were cut or sun held back (SVG)."""
    loading = np.where(flowed.power.is_solved, flowed.loading_share.max(axis=0), np.inf)[shown]
    band = np.searchsorted([upto for upto, *_ in BANDS[:-1]], loading, side="right")
    paths = [_stripes(band == number, 0, 10, colour) for number, (_, _, colour, _) in enumerate(BANDS)]
    paths.append(_stripes(full.unsolved[shown], 3, 7, INK))
    paths.append(_stripes((flowed.is_off & flowed.power.is_solved)[shown], 0, 3, BLUE))
    touched = ((full.cut_wh > 0) | (full.held_wh > 0))[shown]
    paths.append(_stripes(touched, 12, 16, INK))
    return f'<svg id="feeder-strip" viewBox="0 0 {len(shown)} 16" preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>\n'


def strip_words(flowed: Flowed, full: Strained, word: str) -> str:
    """What the stripes say."""
    said = f"Under the slider every {word} in the colour of its fullest line"
    if (flowed.is_off & flowed.power.is_solved).any():
        said += "; a blue edge: a voltage outside its limits"
    if full.unsolved.any():
        said += "; a dark bar in it: no power flow"
    what = listed(
        [
            name
            for name, there in (("trades were cut", full.cut_wh.any()), ("sun was held back", full.held_wh.any()))
            if there
        ]
    )
    return f"{said}{f'; dark below it: {what}' if what else ''}."


def _stripes(rows: Flags, top: int, bottom: int, colour: str) -> str:
    """A rectangle for every run of slots; nothing where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rows.astype(np.int8), [0]])))
    drawn = "".join(f"M{begin} {top}H{end}V{bottom}H{begin}Z" for begin, end in edges.reshape(-1, 2).tolist())
    return f'<path fill="{"var(--ink)" if colour == INK else colour}" d="{drawn}"/>' if drawn else ""
