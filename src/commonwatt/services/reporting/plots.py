"""The plots of the page as plotly.js figures: plain data, drawn by the page. Colours after Okabe and Ito, told apart by pattern too."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from commonwatt.core.units import MICRO_PER_UNIT, NANO_PER_UNIT, Ints
from commonwatt.services.reporting.ledger_use import KINDS
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.timeline import Timeline
from commonwatt.services.reporting.words import local_start

Figure: TypeAlias = dict[str, Any]

ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE, GREY = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
INK = "#1C2326"
"""What stands on top of a bar; the page turns it light on a dark ground."""
ROW_PX = 26
"""Height of a member's bar."""


def figures(results: Results, line: Timeline) -> dict[str, Figure]:
    """Every plot of the page by name; `imbalance` only where there can be any, `ledger` only where there were transactions."""
    drawn = {"prices": prices(results, line), "energy": energy_by_source(line), "savings": savings(results)}
    if results.facts.is_ex_ante:
        drawn["imbalance"] = imbalance(line)
    if results.transactions:
        drawn["ledger"] = ledger_use(results)
    return drawn


def prices(results: Results, line: Timeline) -> Figure:
    """The price between neighbours within the band from feed-in to the price of the grid."""
    per_kwh = f"{results.facts.currency}/kWh"
    count = np.maximum(line.slots, 1) * MICRO_PER_UNIT
    hover = "%{y:.3f} " + per_kwh
    traces = [
        _line(line, line.feed_in_micro / count, "grid pays (feed-in)", GREY, dash="dot", hover=hover),
        _line(line, line.all_in_micro / count, "grid costs, fees and taxes in", GREY, dash="dash", hover=hover)
        | {"fill": "tonexty", "fillcolor": "rgba(153,153,153,0.15)"},
    ]
    agreed = [None if value is None else round(value / MICRO_PER_UNIT, 6) for value in line.price_micro_per_kwh()]
    between = _line(line, np.zeros(0), "between neighbours", BLUE, hover=hover)
    traces.append(between | {"y": agreed, "mode": "lines+markers", "marker": {"size": 5}, "connectgaps": False})
    return figure(traces, yaxis={"title": {"text": per_kwh}, "rangemode": "tozero", "tickformat": ".2f"})


def energy_by_source(line: Timeline) -> Figure:
    """Where the electricity that was used came from, stacked; and what left for the grid."""
    layers = [
        ("own roof", line.own_wh, ORANGE, ""),
        ("own battery", line.battery_wh, PURPLE, "x"),
        ("neighbours", line.neighbours_wh, GREEN, "/"),
        ("grid", line.grid_wh, SKY, ""),
    ]
    hover = "%{y:.1f} kWh"
    traces = []
    for name, values, colour, pattern in layers:
        if name == "own battery" and not values.any():
            # Where nobody has one there is nothing to tell apart.
            continue
        layer = _line(line, values / 1000, name, colour, hover=hover) | {"stackgroup": "used", "fillcolor": colour}
        layer["line"] = {"width": 0, "color": colour, "shape": "hv"}
        layer["fillpattern"] = {
            "shape": pattern,
            "fgcolor": "rgba(255,255,255,0.75)",
            "fillmode": "overlay",
            "size": 7,
            "solidity": 0.2,
        }
        traces.append(layer)
    traces.append(_line(line, line.sent_wh / 1000, "sent to the grid", VERMILLION, dash="dot", hover=hover))
    return figure(traces, yaxis={"title": {"text": "kWh"}, "rangemode": "tozero"})


def savings(results: Results) -> Figure:
    """A bar a member, the largest saving on top; who pays more is on the other side of zero, hatched."""
    saving, currency = results.members.saving_nano, results.facts.currency
    order = np.argsort(saving, kind="stable")
    values = saving[order]
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "saves",
        "y": [results.books.ids[int(m)] for m in order],
        "x": _rounded(values / NANO_PER_UNIT, 4),
        "marker": {
            "color": np.where(values < 0, VERMILLION, BLUE).tolist(),
            "pattern": {"shape": np.where(values < 0, "/", "").tolist(), "solidity": 0.35},
        },
        "hovertemplate": "%{y}: %{x:.2f} " + currency + "<extra></extra>",
    }
    drawn = figure(
        [bars],
        xaxis={"title": {"text": f"{currency} saved"}, "zeroline": True},
        yaxis={"automargin": True, "type": "category", "dtick": 1},
    )
    drawn["layout"] |= {
        "height": 110 + ROW_PX * len(values),
        "showlegend": False,
        "hovermode": "closest",
        "bargap": 0.3,
    }
    drawn["layout"]["margin"] |= {"t": 34}
    return drawn


def imbalance(line: Timeline) -> Figure:
    """What was promised and did not come (up), what was bought and not used (down)."""
    traces = []
    for name, values, colour, pattern in (
        ("short: promised, not there", line.short_wh, VERMILLION, "/"),
        ("long: bought, not used", -line.long_wh, SKY, ""),
    ):
        marker = {"color": colour, "pattern": {"shape": pattern, "solidity": 0.35}}
        bar = {
            "type": "bar",
            "name": name,
            "x": line.starts,
            "y": _rounded(values / 1000, 3),
            "marker": marker,
            "hovertemplate": "%{y:.1f} kWh",
        }
        traces.append(bar)
    drawn = figure(traces, yaxis={"title": {"text": "kWh"}, "zeroline": True})
    drawn["layout"] |= {"barmode": "relative", "bargap": 0.05}
    return drawn


def ledger_use(results: Results) -> Figure:
    """Gas by local day and kind of transaction; their number where gas is not known."""
    used, first = results.transactions, results.facts.first_slot
    known = all(t.gas is not None for t in used)
    names = sorted({local_start(results.facts, t.slot - first).date().isoformat() for t in used})
    traces = []
    colours, patterns = (SKY, ORANGE, VERMILLION, GREEN, PURPLE), ("", "/", "+", "x", ".")
    for kind, colour, pattern in zip(KINDS, colours, patterns, strict=True):
        if kind == "trades" and all(t.kind != kind for t in used):
            continue  # the other settlement path
        total: dict[str, float] = dict.fromkeys(names, 0.0)
        number = dict.fromkeys(names, 0)
        for transaction in (t for t in used if t.kind == kind):
            day = local_start(results.facts, transaction.slot - first).date().isoformat()
            total[day] += (transaction.gas or 0) / 1e6
            number[day] += 1
        values = [round(v, 6) for v in total.values()] if known else list(number.values())
        hover = "%{y:.2f} million gas in %{customdata} transactions" if known else "%{y} transactions"
        marker = {"color": colour, "pattern": {"shape": pattern, "solidity": 0.3}}
        bar = {
            "type": "bar",
            "name": kind,
            "x": names,
            "y": values,
            "customdata": list(number.values()),
            "marker": marker,
        }
        traces.append(bar | {"hovertemplate": hover})
    drawn = figure(traces, yaxis={"title": {"text": "million gas" if known else "transactions"}})
    drawn["layout"] |= {"barmode": "stack"}
    return drawn


def _line(line: Timeline, values: np.ndarray, name: str, colour: str, *, hover: str, dash: str = "solid") -> Figure:
    style = {"color": colour, "width": 2, "dash": dash, "shape": "hv"}
    trace = {"type": "scatter", "mode": "lines", "name": name, "x": line.starts, "y": _rounded(values, 6)}
    return trace | {"line": style, "hovertemplate": hover}


def figure(traces: list[Figure], *, xaxis: Figure | None = None, yaxis: Figure | None = None) -> Figure:
    """Traces with the layout that every plot shares. Colours of text and lines are the page's: light, dark or printed."""
    layout = {
        "height": 360,
        "margin": {"l": 60, "r": 26, "t": 12, "b": 40},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "xaxis": xaxis or {},
        "yaxis": {"automargin": True} | (yaxis or {}),
    }
    return {"data": traces, "layout": layout}


def _rounded(values: np.ndarray | Ints, decimals: int) -> list[float]:
    return [round(float(value), decimals) for value in values]
