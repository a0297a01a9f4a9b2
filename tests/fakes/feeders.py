"""Radial feeders for tests, and what flows over their lines."""

import numpy as np
from hypothesis import strategies as st

from commonwatt.clearing import Lines
from commonwatt.core.records import Trades


def feeder(*lines: tuple[int, int], losses: tuple[float, ...] = (), fees: tuple[int, ...] = ()) -> Lines:
    """(next bus towards the root, limit in Wh) of each bus; the root has -1."""
    toward, limit = zip(*lines, strict=True)
    nothing = (0,) * len(lines)
    return Lines(np.array(toward), np.array(limit), np.array(losses or nothing), np.array(fees or nothing))


@st.composite
def feeders(draw: st.DrawFn, most_buses: int = 8, most_wh: int = 60) -> Lines:
    """A tree of some buses, now and then with a second root."""
    buses = draw(st.integers(1, most_buses))
    toward = [-1] + [draw(st.integers(-1 if draw(st.integers(0, 9)) == 0 else 0, bus - 1)) for bus in range(1, buses)]
    limits = draw(st.lists(st.integers(0, most_wh), min_size=buses, max_size=buses))
    losses = draw(st.lists(st.sampled_from([0.0, 0.05, 0.2]), min_size=buses, max_size=buses))
    return Lines.of(buses, toward=np.array(toward), limit_wh=np.array(limits), loss_share=np.array(losses))


def usage(lines: Lines, bus: np.ndarray) -> np.ndarray:
    """1 where a Wh from an order's bus goes over the line of a bus, shape (orders, buses)."""
    used = np.zeros((len(bus), len(lines)))
    for row, at in enumerate(bus.tolist()):
        while at >= 0 and lines.toward[at] >= 0:
            used[row, at] = 1
            at = int(lines.toward[at])
    return used


def flows_wh(lines: Lines, bus: np.ndarray, trades: Trades) -> np.ndarray:
    """What flows over the line of each bus towards the root."""
    used = usage(lines, bus).astype(np.int64)
    flow: np.ndarray = trades.energy_wh @ (used[trades.sell_order] - used[trades.buy_order])
    return flow
