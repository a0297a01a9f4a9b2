"""The lines of a feeder as a market sees them: what each carries of real energy in a slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.records import Wires
from commonwatt.core.units import SECONDS_PER_HOUR
from commonwatt.grid._sensitivities import loss_shares

if TYPE_CHECKING:
    from commonwatt.core.units import Ints
    from commonwatt.grid._excess import Excess
    from commonwatt.grid._feeder import Feeder

_LESS: Final = 0.999


def wires_of_feeder(feeder: Feeder, usable_share: float, slot_s: int, loss_loading_share: float) -> Wires:
    """One row a bus and one for the far side of the transformer; `usable_share` is the part of each rating that real power may take.

    Loss factors are those of a line that carries `loss_loading_share` of its rating.

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
    lost = np.zeros(buses + 1)
    lost[row[1:]] = loss_shares(feeder, loss_loading_share)[1:]
    return Wires.of(buses + 1, toward=toward, limit_wh=limit_wh, loss_share=lost)


def flows_wh(feeder: Feeder, net_wh: Ints, bus: Ints) -> Ints:
    """What members' positions, Wh out, make flow over each branch towards the source, losses aside; shape (nodes,)."""
    tree = feeder.tree
    flow = np.zeros(len(tree.toward), np.int64)
    np.add.at(flow, tree.node[bus], net_wh)
    for node in range(len(tree.toward) - 1, 0, -1):
        flow[tree.toward[node]] += flow[node]
    return flow


def tightened(wires: Wires, feeder: Feeder, found: list[Excess], flow_wh: Ints) -> Wires | None:
    """Limits within which a schedule with these flows would have kept what it passed, linearised; None where none is tighter.

    A branch: its present flow over its loading. A voltage: every line of the way to that bus that pushes it is held to the part of its
    present flow that brings the voltage from where it would be without any to its limit. Both less a thousandth, for what is not linear.
    Where nothing is solved every line is held to half of its present flow.
    """
    tree, part = feeder.tree, np.ones(len(feeder.tree.toward))
    for excess in found:
        if not excess.node:
            part[:] = 0.5
        elif not excess.side:
            part[excess.node] = min(part[excess.node], _LESS / excess.over)
        else:
            limit = feeder.voltage_high_share if excess.side > 0 else feeder.voltage_low_share
            room = excess.side * (limit - feeder.source_share * float(tree.gain[excess.node]))
            # Out without any flow: nothing pushes it back, and what the flows add to it may be nothing, or less.
            kept = _LESS * room / (room + excess.over) if room > 0 else 0.0
            at = excess.node
            while at > 0:
                if int(flow_wh[at]) * excess.side > 0:
                    part[at] = min(part[at], kept)
                at = tree.toward[at]
    held = np.where(part < 1, np.floor(np.abs(flow_wh) * part), np.inf)
    # A row a bus, then the far side of the transformer, which has no line.
    limit_wh = wires.limit_wh.copy()
    limit_wh[:-1] = np.minimum(limit_wh[:-1], held[tree.node])
    return wires.replaced(limit_wh=limit_wh) if (limit_wh < wires.limit_wh).any() else None
