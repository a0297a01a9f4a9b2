"""Grid: whether the wires can carry what was agreed."""

from commonwatt.grid._equipment import InnerTransformer, Load, Regulator
from commonwatt.grid._feeder import Bus, Feeder, Line, Transformer, Tree, feeder_findings
from commonwatt.grid._sensitivities import Sensitivities, loss_shares, pair_capacity_w, sensitivities, zones
from commonwatt.grid._sweep import PowerFlow, power_flow
from commonwatt.grid.base import (
    GRIDS,
    NOWHERE,
    Grid,
    GridContext,
    HasFlow,
    HasWires,
    dearest_way_micro_per_kwh,
    wires_of,
)

__all__ = [
    "GRIDS",
    "NOWHERE",
    "Bus",
    "Feeder",
    "Grid",
    "GridContext",
    "HasFlow",
    "HasWires",
    "InnerTransformer",
    "Line",
    "Load",
    "PowerFlow",
    "Regulator",
    "Sensitivities",
    "Transformer",
    "Tree",
    "dearest_way_micro_per_kwh",
    "feeder_findings",
    "loss_shares",
    "pair_capacity_w",
    "power_flow",
    "sensitivities",
    "wires_of",
    "zones",
]
