"""The lines of a feeder as a market sees them: what each carries of real energy in a slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.records import Wires
from commonwatt.core.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder


def wires_of_feeder(feeder: Feeder, usable_share: float, slot_s: int) -> Wires:
    """One row a bus and one for the far side of the transformer; `usable_share` is the part of each rating that real power may take.

    A market's lines begin at a bus, and the bus behind the transformer has one too: the transformer. So there is one place more than buses,
    ahead of it, where nobody is connected. What the feeder's own loads draw through a line is taken off what it carries, in either direction.
    """
    tree, buses = feeder.tree, len(feeder.buses)
    # Nodes are the buses from the transformer outwards, and node 0 ahead of it; rows are the buses in the order of the feeder.
    row = np.empty(len(tree.toward), np.int64)
    row[0], row[tree.node] = buses, np.arange(buses)
    toward, limit_wh = np.full(buses + 1, -1), np.zeros(buses + 1, np.int64)
    toward[row[1:]] = row[np.array(tree.toward[1:], np.int64)]
    # The feeder's own loads were there first.
    own_w = np.zeros(len(tree.toward))
    own_w[tree.node] = feeder.own_va.real
    most_w = tree.rating[1:] * feeder.transformer.rating_va * usable_share - np.abs(tree.feeds @ own_w)[1:]
    limit_wh[row[1:]] = np.floor(np.maximum(most_w, 0.0) * slot_s / SECONDS_PER_HOUR)
    return Wires.of(buses + 1, toward=toward, limit_wh=limit_wh, loss_share=np.zeros(buses + 1))
