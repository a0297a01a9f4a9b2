"""The plots of a comparison as plotly.js figures: what each design saves, what it does to every member, how sure it is, day by day."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.comparison.comparing import Comparison, Estimate
from commonwatt.services.reporting.plots import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    ROW_PX,
    VERMILLION,
    Figure,
    figure,
)

_LINES: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, INK, GREY)
_DASHES: Final = ("solid", "dash", "dot", "dashdot")
_ROWS: Final = 5
"""Over so many lines the dots of one design are spread, so that neighbours with equal savings do not hide each other."""


def figures(comparison: Comparison) -> dict[str, Figure]:
    """Every plot of the page by name."""
    return {
        "saved": saved(comparison),
        "members": members(comparison),
        "gaps": gaps(comparison),
        "days": days(comparison),
    }


def saved(comparison: Comparison) -> Figure:
    """A bar a design, the lowest bills on top, with its interval; who makes bills dearer is left of zero and hatched."""
    order = comparison.ranked[::-1]
    found = [comparison.figures[name]["saving_nano"] for name in order]
    values = [_units(one.value) for one in found]
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": order,
        "x": values,
        "error_x": _errors(found),
        "marker": _marker([value < 0 for value in values]),
        "hovertemplate": "%{y}: %{x:.2f} " + comparison.any.currency + "<extra></extra>",
    }
    return _rows([bar], len(order), f"{comparison.any.currency} saved together")


def gaps(comparison: Comparison) -> Figure:
    """How much dearer every other design is than the best one, with the interval of the paired difference."""
    best, *others = comparison.ranked
    order = others[::-1]
    found = [comparison.difference(name, best, "cost_nano") for name in order]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "y": order,
        "x": [_units(one.value) for one in found],
        "error_x": _errors(found),
        "marker": {"color": [VERMILLION if one.sign > 0 else GREY for one in found], "size": 10, "symbol": ["diamond" if one.sign > 0 else "circle-open" for one in found]},
        "hovertemplate": "%{y}: %{x:.2f} " + comparison.any.currency + " dearer<extra></extra>",
    }  # fmt: skip
    drawn = _rows([dots], len(order), f"{comparison.any.currency} dearer than {best}")
    drawn["layout"]["xaxis"]["rangemode"] = "tozero"
    return drawn


def members(comparison: Comparison) -> Figure:
    """A dot a member in a row a design: to the right who gains, to the left, as a cross, who pays more."""
    order, one = comparison.ranked[::-1], comparison.any
    dots: dict[bool, list[tuple[float, float, str]]] = {False: [], True: []}
    for row, design in enumerate(order):
        savings = comparison.savings_nano(design)
        place = np.argsort(np.argsort(savings, kind="stable"), kind="stable")
        for member, saving in enumerate(savings.tolist()):
            height = row + ((int(place[member]) % _ROWS) / (_ROWS - 1) - 0.5) * 0.5
            dots[saving < 0].append((_units(saving), round(height, 3), f"{one.members[member]}, {design}"))
    traces = [
        _dots(dots[True], "pays more", VERMILLION, "x", one.currency),
        _dots(dots[False], "saves", BLUE, "circle-open", one.currency),
    ]
    middle = {
        "type": "scatter",
        "mode": "markers",
        "name": "middle member",
        "x": [_units(float(np.median(comparison.savings_nano(design)))) for design in order],
        "y": list(range(len(order))),
        "marker": {"color": GREY, "symbol": "line-ns-open", "size": 26, "line": {"width": 3}},
        "hovertemplate": "middle member: %{x:.2f} " + one.currency + "<extra></extra>",
    }
    drawn = figure(
        [middle, *traces],
        xaxis={"title": {"text": f"{one.currency} saved by a member"}, "zeroline": True, "zerolinewidth": 2},
        yaxis={"automargin": True, "zeroline": False, "tickvals": list(range(len(order))), "ticktext": order, "range": [-0.6, len(order) - 0.4]},
    )  # fmt: skip
    drawn["layout"] |= {"height": 120 + 2 * ROW_PX * len(order), "hovermode": "closest"}
    return drawn


def days(comparison: Comparison) -> Figure:
    """What was saved together up to each day, a line a design."""
    traces = []
    for number, design in enumerate(comparison.ranked):
        runs = comparison.outcomes[design]
        saving = np.mean(
            [np.array(r.baseline_nano).sum(axis=1) - np.array(r.cost_nano).sum(axis=1) for r in runs], axis=0
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": design,
                "x": comparison.any.days,
                "y": [_units(value) for value in np.cumsum(saving)],
                "line": {"color": _LINES[number % len(_LINES)], "dash": _DASHES[number % len(_DASHES)], "width": 2},
                "hovertemplate": "%{y:.2f} " + comparison.any.currency,
            }
        )  # fmt: skip
    return figure(traces, yaxis={"title": {"text": f"{comparison.any.currency} saved so far"}, "zeroline": True})


def _dots(dots: list[tuple[float, float, str]], name: str, colour: str, symbol: str, currency: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _, _ in dots],
        "y": [y for _, y, _ in dots],
        "text": [text for _, _, text in dots],
        "marker": {"color": colour, "symbol": symbol, "size": 8, "line": {"width": 0 if symbol == "x" else 2}},
        "hovertemplate": "%{text}: %{x:.2f} " + currency + "<extra></extra>",
    }


def _rows(traces: list[Figure], rows: int, title: str) -> Figure:
    drawn = figure(
        traces, xaxis={"title": {"text": title}, "zeroline": True}, yaxis={"automargin": True, "type": "category"}
    )
    drawn["layout"] |= {"height": 110 + 2 * ROW_PX * rows, "showlegend": False, "hovermode": "closest", "bargap": 0.4}
    drawn["layout"]["margin"] |= {"t": 34}
    return drawn


def _errors(found: list[Estimate]) -> dict[str, Any]:
    if not all(one.has_interval for one in found):
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [_units(one.high - one.value) for one in found],
        "arrayminus": [_units(one.value - one.low) for one in found],
        "color": INK,
        "thickness": 2,
    }


def _marker(loses: list[bool]) -> dict[str, Any]:
    shapes = ["/" if worse else "" for worse in loses]
    return {
        "color": [VERMILLION if worse else BLUE for worse in loses],
        "opacity": [1.0 if worse else 0.6 for worse in loses],
        "pattern": {"shape": shapes, "solidity": 0.45},
    }


def _units(amount_nano: float) -> float:
    return round(float(amount_nano) / NANO_PER_UNIT, 4)
