"""Where a feeder's nodes are drawn: where they lie, or as a tree where nobody said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.units import Floats

if TYPE_CHECKING:
    from commonwatt.grid import Feeder, Tree

_STUB: Final = 0.16
"""The transformer is drawn so far above its bus, of the larger extent of the drawing."""


@dataclass(frozen=True)
class Layout:
    """Places of the nodes, shape (nodes,); node 0 is ahead of the transformer."""

    x: Floats
    y: Floats
    is_surveyed: bool
    """The places are the feeder's own, in metres; else a tree whose distances say nothing."""


def layout(feeder: Feeder) -> Layout:
    """The buses' own places where no two are the same, else a tree: the root on top, the way to go downwards."""
    tree = feeder.tree
    places = [(bus.x_m, bus.y_m) for bus in feeder.buses]
    is_surveyed = len(set(places)) == len(places) and len(places) > 1
    x, y = np.zeros(len(tree.toward)), np.zeros(len(tree.toward))
    if is_surveyed:
        x[tree.node], y[tree.node] = np.array(places).T
    else:
        x, y = _tree(tree)
    extent = max(float(np.ptp(x[1:])), float(np.ptp(y[1:])), 1.0)
    x[0], y[0] = x[1], float(y[1:].max()) + _STUB * extent if is_surveyed else y[1] + max(1.0, _STUB * extent)
    return Layout(x, y, is_surveyed)


def _tree(tree: Tree) -> tuple[Floats, Floats]:
    """Ends side by side, every other node over the middle of what it feeds, a step down a branch."""
    nodes = len(tree.toward)
    fed: list[list[int]] = [[] for _ in range(nodes)]
    for node in range(1, nodes):
        fed[tree.toward[node]].append(node)
    x, y = np.zeros(nodes), np.zeros(nodes)
    ends, waiting = 0, [1]
    while waiting:
        node = waiting.pop()
        if not fed[node]:
            x[node] = ends
            ends += 1
        waiting += fed[node][::-1]
    for node in range(nodes - 1, 0, -1):
        if fed[node]:
            x[node] = (x[fed[node][0]] + x[fed[node][-1]]) / 2
    for node in range(2, nodes):
        y[node] = y[tree.toward[node]] - 1
    return x, y
