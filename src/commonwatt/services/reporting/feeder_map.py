"""The drawing of the feeder: how full every line is, the voltage of every bus, what was metered and traded through them, slot by slot."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from commonwatt.core.units import Floats, Ints
from commonwatt.services.reporting.bands import BANDS
from commonwatt.services.reporting.flowed import CROWD, Flowed
from commonwatt.services.reporting.html import plot
from commonwatt.services.reporting.layout import layout
from commonwatt.services.reporting.marks import mark_traces, marked_nodes, slot_notes, strip, strip_words
from commonwatt.services.reporting.plots import BLUE, GREEN, INK, VERMILLION, Figure, figure
from commonwatt.services.reporting.strained import strained
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import count, local_start, several, slot_word

MOST_CELLS: Final = 120_000
"""Branches times slots that a page draws, about 2 MB; of a longer run some days."""
_KINDS: Final = (("circle", "bus with members", 11), ("square", "bus without members", 7))
# Orange to purple: told apart by every kind of colour vision, and both stand out of white and of black.
_VOLTAGES: Final = ((0.0, "#B35806"), (0.25, "#FDB863"), (0.5, "#F7F7F7"), (0.75, "#B2ABD2"), (1.0, "#542788"))


def feeder_map(results: Results, flowed: Flowed) -> Figure:
    """The figure that `feeder.js` fills slot by slot from its `map`."""
    shown = shown_slots(results, flowed)
    starts = [local_start(results.facts, int(at)).strftime("%a %Y-%m-%d %H:%M") for at in shown]
    full = strained(results)
    drawn, data = _figure(flowed), _data(flowed, shown) | {"starts": starts, "word": slot_word(results.facts)}
    drawn["data"] += mark_traces(full)
    data |= marked_nodes(results, flowed, shown) | {"notes": slot_notes(results, flowed, full, shown)}
    return drawn | {"map": data}


def map_place(results: Results, flowed: Flowed) -> str:
    """The place of the drawing with its slider, and the table that follows it (HTML)."""
    shown, word = shown_slots(results, flowed), slot_word(results.facts)
    first = int(np.argmax(flowed.fullest[shown]))
    label = f"Drawing of the feeder: loading of lines and voltages of buses in one {word}; the table below it says the same."
    full = strained(results)
    controls = _controls(len(shown) - 1, first, word, strip(flowed, full, shown), strip_words(flowed, full, word))
    return controls + plot("feeder", label) + _table(word)


def shown_slots(results: Results, flowed: Flowed) -> Ints:
    """The slots that are drawn, ascending: all, or as many whole days as fit, a typical one and the fullest, or in a huge feeder the fullest slots."""
    most = max(MOST_CELLS // len(flowed.tree.toward), 1)
    slots = results.facts.slots
    if slots <= most:
        return np.arange(slots)
    of_day: dict[str, list[int]] = {}
    for at in range(slots):
        of_day.setdefault(local_start(results.facts, at).date().isoformat(), []).append(at)
    peak = {name: float(flowed.fullest[at].max()) for name, at in of_day.items()}
    ranked = sorted(of_day, key=lambda name: (-peak[name], name))
    order, chosen = [ranked[0], ranked[len(ranked) // 2], *ranked[1:]], list[int]()
    for name in dict.fromkeys(order):
        if len(chosen) + len(of_day[name]) > most:
            break
        chosen += of_day[name]
    if not chosen:
        chosen = np.argsort(-flowed.fullest, kind="stable")[:most].tolist()
    return np.array(sorted(chosen), np.int64)


def shown_words(results: Results, flowed: Flowed) -> str:
    """What the slider goes over; empty where that is the whole run."""
    shown, word = shown_slots(results, flowed), slot_word(results.facts)
    if len(shown) == results.facts.slots:
        return ""
    days = {local_start(results.facts, int(at)).date() for at in shown}
    return (
        f"The drawing has {count(len(shown))} of {several(results.facts.slots, word)}, on {several(len(days), 'day')}: the fullest ones and "
        "a typical one (half of the days had a lower peak). The plots and tables below are of all."
    )


def _data(flowed: Flowed, shown: Ints) -> dict[str, Any]:
    """What the drawing shows, by slot: columns as short as they can be; null where it must not or cannot be told."""
    tree, drawn = flowed.tree, layout(flowed.wires.feeder)
    loading = flowed.loading_share[:, shown]
    told, crowd = np.flatnonzero(flowed.is_told), np.flatnonzero(flowed.members[1:] >= CROWD) + 1
    solved = flowed.power.is_solved[shown]
    band = np.searchsorted([upto for upto, *_ in BANDS[:-1]], loading, side="right")
    texts = ["".join(map(str, band[1:, at])) if solved[at] else "" for at in range(len(shown))]
    return {
        "x": np.round(drawn.x, 2).tolist(),
        "y": np.round(drawn.y, 2).tolist(),
        "toward": list(tree.toward),
        "names": list(tree.names),
        "buses": list(tree.bus_names),
        "members": flowed.at.tolist(),
        "behind": flowed.members.tolist(),
        "words": [words for _, words, *_ in BANDS],
        "bands": texts,
        "crowd": crowd.tolist(),
        "loading": _by_slot(100 * loading[crowd], solved),
        "low": round(1000 * (flowed.wires.feeder.voltage_low_share - 1)),
        "high": round(1000 * (flowed.wires.feeder.voltage_high_share - 1)),
        "base": 0 if flowed.wires.feeder.inner_transformers else flowed.wires.feeder.base_v,
        "voltage": _by_slot(1000 * (flowed.voltage_share[1:, shown] - 1), solved),
        "told": told.tolist(),
        "exported": flowed.exported_wh[np.ix_(told, shown)].T.tolist(),
        "imported": flowed.imported_wh[np.ix_(told, shown)].T.tolist(),
        "traded": flowed.traded_wh[np.ix_(told, shown)].T.tolist(),
    }


def _by_slot(values: Floats, solved: Any) -> list[list[int]]:
    """Whole numbers by slot, none where there is no solution."""
    whole = np.floor(values + 0.5).astype(np.int64).T.tolist()
    return [row if is_solved else [] for row, is_solved in zip(whole, solved.tolist(), strict=True)]


def _figure(flowed: Flowed) -> Figure:
    """The traces, without places: lines by band, arrows, buses, rings around what is outside its limits, and what a pointer asks."""
    traces = [
        _trace(f"line {words} full", mode="lines", line={"color": colour, "width": width}, hoverinfo="skip")
        for _, words, colour, width in BANDS
    ]
    traces += [
        _arrows("metered, net", INK, "arrow"),
        _arrows("traded, net", GREEN, "triangle-up"),
    ]
    for symbol, name, size in _KINDS:
        marker = {"symbol": symbol, "size": size, "coloraxis": "coloraxis", "line": {"color": INK, "width": 1.2}}
        traces.append(
            _trace(name, marker=marker, textposition="bottom center", hovertemplate="%{customdata}<extra></extra>")
        )
    for name, symbol, colour in (
        ("voltage too low", "triangle-down-open", VERMILLION),
        ("voltage too high", "triangle-up-open", BLUE),
    ):
        marker = {"symbol": symbol, "size": 22, "color": colour, "line": {"width": 3}}
        traces.append(_trace(name, marker=marker, hoverinfo="skip"))
    marker = {"size": 16, "opacity": 0}
    traces.append(_trace("", marker=marker, hovertemplate="%{customdata}<extra></extra>", showlegend=False))
    traces += _keys(traces)
    hidden = {"visible": False, "fixedrange": True}
    drawn = figure(traces, xaxis=dict(hidden), yaxis=dict(hidden))
    scale = [[at, colour] for at, colour in _VOLTAGES]
    off = 100 * np.abs(flowed.voltage_share[1:, flowed.power.is_solved] - 1)
    # The scale goes as far as voltages do, in whole steps.
    most = max(1.0, float(np.ceil(off.max(initial=0.0))))
    bar = {
        "orientation": "h", "thickness": 12, "len": 0.7, "y": -0.02, "yanchor": "top", "ticksuffix": " %",
        "title": {"text": "voltage against the nominal one", "side": "bottom"},
    }  # fmt: skip
    axis = {"cmin": -most, "cmax": most, "colorscale": scale, "colorbar": bar}
    drawn["layout"] |= {
        "height": 470,
        "legend": drawn["layout"]["legend"] | {"itemsizing": "constant"},
        "hovermode": "closest",
        "coloraxis": axis,
    }
    drawn["layout"]["margin"] |= {"l": 20, "r": 20, "b": 70}
    return drawn


def _keys(traces: list[Figure]) -> list[Figure]:
    """Stand-ins in the legend for markers that a legend cannot show: sizes and colours of those are lists."""
    found = []
    for trace in traces:
        marker = trace.get("marker", {})
        if isinstance(marker.get("size"), list) or "coloraxis" in marker:
            trace |= {"showlegend": False, "legendgroup": trace["name"]}
            shown = {"symbol": marker["symbol"], "size": 11, "color": marker.get("color", "#F7F7F7")}
            shown |= {"line": marker["line"]} if "line" in marker else {}
            found.append(_trace(trace["name"], marker=shown, legendgroup=trace["name"], hoverinfo="skip"))
    return found


def _trace(name: str, **style: Any) -> Figure:
    return {"type": "scatter", "mode": "markers", "name": name, "x": [], "y": []} | style


def _arrows(name: str, colour: str, symbol: str) -> Figure:
    """Each arrow is two points, the first of no size: it points from that one to the other."""
    marker = {"symbol": symbol, "angleref": "previous", "color": colour, "size": []}
    return _trace(name, marker=marker, hoverinfo="skip")


def _controls(last: int, first: int, word: str, stripes: str, said: str) -> str:
    """Only scripts can move it, so only they show it."""
    return (
        f'<div class="slots" id="feeder-slots" hidden><label for="feeder-slot">Which {word}</label>'
        f'<div class="track"><input type="range" id="feeder-slot" min="0" max="{last}" value="{first}">{stripes}</div>'
        f'<span><button type="button" data-by="-1">Before</button> <button type="button" data-by="1">After</button> '
        f'<button type="button" data-to="{first}">Fullest</button></span></div>\n'
        f'<p class="cue" id="feeder-key" hidden>{said}</p>\n<p id="feeder-said" aria-live="polite"></p>\n'
    )


def _table(word: str) -> str:
    """What the drawing shows, as a table that follows the slider."""
    heads = ("Line", "Full", "Behind it", "Metered out kWh", "Metered in kWh", "Traded out, net kWh")
    cells = "".join(f'<th scope="col"{" class=n" if at else ""}>{text}</th>' for at, text in enumerate(heads))
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="The lines in this {word}" id="feeder-lines" hidden>'
        f"<table><thead><tr>{cells}</tr></thead><tbody></tbody></table></div>\n"
    )
