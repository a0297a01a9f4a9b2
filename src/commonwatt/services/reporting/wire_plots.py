"""The plots of the wires: how long the fullest lines are how full, the band of voltages over time, losses by day."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from commonwatt.core.units import Floats
from commonwatt.services.reporting.flowed import CROWD, Flowed
from commonwatt.services.reporting.fullest import branch_name, days_of
from commonwatt.services.reporting.html import plot
from commonwatt.services.reporting.plots import BLUE, GREEN, GREY, INK, ORANGE, SKY, VERMILLION, Figure, figure
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.timeline import LONGEST
from commonwatt.services.reporting.words import energy, local_start

_LINES: Final = ((VERMILLION, "solid"), (BLUE, "dash"), (ORANGE, "dot"), (GREEN, "dashdot"), (INK, "longdash"))
"""Colours and dashes of the fullest lines."""
_POINTS: Final = 200
"""Points of a duration curve."""


def wire_plots(results: Results, flowed: Flowed) -> dict[str, Figure]:
    """By name; drawn where `plot_places` puts them."""
    return {
        "durations": durations(flowed),
        "voltages": voltages(results, flowed),
        "losses": losses(results),
    }


def plot_places(results: Results, flowed: Flowed) -> str:
    """The headings and places of the plots (HTML)."""
    low, high = flowed.voltages
    lost = int(results.books.losses_wh.sum())
    volts = (
        f"{100 * float(np.nanmin(low)):.1f} % to {100 * float(np.nanmax(high)):.1f} %"
        if flowed.power.is_solved.any()
        else "none found"
    )
    return (
        "<h3>How long the fullest lines are how full</h3>\n"
        + plot("durations", "Loading of the fullest lines, sorted from the fullest slot to the emptiest.")
        + "<h3>Voltages</h3>\n"
        + plot("voltages", f"The lowest and the highest voltage of any bus over time, of the nominal one: {volts}.")
        + "<h3>Losses</h3>\n"
        + plot("losses", f"Lost in lines and transformers by day; together {energy(lost)}.")
    )


def durations(flowed: Flowed) -> Figure:
    """Loadings sorted from the fullest slot down; only of lines that enough members use."""
    many = np.flatnonzero(flowed.members[1:] >= CROWD) + 1
    solved = flowed.loading_share[many][:, flowed.power.is_solved]
    peak = solved.max(axis=1, initial=0.0)
    traces: list[Figure] = []
    for at, (colour, dash) in zip(np.argsort(-peak, kind="stable"), _LINES, strict=False):
        curve = np.sort(solved[at])[::-1]
        if not len(curve):
            break
        rows = np.unique(np.linspace(0, len(curve) - 1, min(_POINTS, len(curve))).astype(int))
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": branch_name(flowed, int(many[at])),
                "x": _rounded(100 * (rows + 1) / len(curve), 2), "y": _rounded(100 * curve[rows], 1),
                "line": {"color": colour, "dash": dash, "width": 2}, "hovertemplate": "%{y:.0f} %",
            }
        )  # fmt: skip
    drawn = figure(
        traces,
        xaxis={"title": {"text": "% of the time, at least so full"}, "ticksuffix": " %"},
        yaxis={"title": {"text": "% of what it may carry"}, "rangemode": "tozero", "ticksuffix": " %"},
    )
    drawn["layout"]["shapes"] = [_limit(100)]
    return drawn


def voltages(results: Results, flowed: Flowed) -> Figure:
    """The band of the buses' voltages by slot, or by day in a long run, between the limits."""
    low, high = flowed.voltages
    if results.facts.slots <= LONGEST:
        starts = [local_start(results.facts, at).strftime("%Y-%m-%dT%H:%M") for at in range(results.facts.slots)]
    else:
        days = days_of(results)
        starts = list(days)
        low = np.array([_extreme(low[at], np.nanmin) for at in days.values()])
        high = np.array([_extreme(high[at], np.nanmax) for at in days.values()])
    traces: list[Figure] = []
    for name, values, colour, dash in (("lowest", low, BLUE, "solid"), ("highest", high, SKY, "dot")):
        line = {"color": colour, "width": 2, "shape": "hv", "dash": dash}
        y = [None if np.isnan(value) else round(100 * float(value), 2) for value in values]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name} of any bus",
                "x": starts,
                "y": y,
                "line": line,
                "hovertemplate": "%{y:.1f} %",
            }
        )
    traces[1] |= {"fill": "tonexty", "fillcolor": "rgba(86,180,233,0.2)"}
    feeder = flowed.wires.feeder
    drawn = figure(traces, yaxis={"title": {"text": "% of the nominal voltage"}, "ticksuffix": " %"})
    limits = [100 * feeder.voltage_low_share, 100 * feeder.voltage_high_share]
    drawn["layout"]["shapes"] = [_limit(limit) for limit in limits]
    drawn["layout"]["yaxis"]["range"] = [
        min(limits[0], 100 * _extreme(low, np.nanmin, 1.0)) - 1,
        max(limits[1], 100 * _extreme(high, np.nanmax, 1.0)) + 1,
    ]
    return drawn


def losses(results: Results) -> Figure:
    """A bar a day."""
    lost, days = results.books.losses_wh, days_of(results)
    bar = {
        "type": "bar", "name": "lost", "x": list(days), "y": _rounded(np.array([lost[at].sum() for at in days.values()]) / 1000, 3),
        "marker": {"color": SKY}, "hovertemplate": "%{y:.1f} kWh",
    }  # fmt: skip
    # A few days are names: an axis of time would put hours between them.
    axis = {"type": "category"} if len(days) < 7 else {}
    drawn = figure([bar], xaxis=axis, yaxis={"title": {"text": "kWh a day"}, "rangemode": "tozero"})
    drawn["layout"] |= {"height": 260, "showlegend": False, "bargap": 0.4}
    return drawn


def _limit(at: float) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": at,
        "y1": at,
        "line": {"color": GREY, "dash": "dash", "width": 2},
    }


def _extreme(values: Floats, of: Any, nothing: float = float("nan")) -> float:
    """The least or largest of those that there are."""
    return nothing if np.isnan(values).all() else float(of(values))


def _rounded(values: Any, decimals: int) -> list[float]:
    return [round(float(value), decimals) for value in values]
