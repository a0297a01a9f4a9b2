"""Grid: whether the wires can carry what was agreed."""

from commonwatt.grid._balanced import balanced
from commonwatt.grid._doubts import feeder_doubts
from commonwatt.grid._equipment import InnerTransformer, Load, Regulator
from commonwatt.grid._excess import NEAR, NO_SOLUTION
from commonwatt.grid._feeder import Bus, Feeder, Line, Transformer, Tree, feeder_findings
from commonwatt.grid._fees import fee_zones
from commonwatt.grid._figures import Figure, figures_of
from commonwatt.grid._phase_feeder import (
    MOST_TAPS,
    PHASES,
    TAP_SHARE,
    Configuration,
    PhaseBus,
    PhaseCapacitor,
    PhaseFeeder,
    PhaseLine,
    PhaseLoad,
    PhaseRegulator,
    PhaseTransformer,
    node_of,
)
from commonwatt.grid._phase_sweep import PhaseFlow, Taps, phase_flow, published_taps, relay_v
from commonwatt.grid._sensitivities import Sensitivities, loss_shares, pair_capacity_w, sensitivities, zones
from commonwatt.grid._sweep import PowerFlow, power_flow
from commonwatt.grid._taps import controlled_flow
from commonwatt.grid.base import (
    GRIDS,
    NOWHERE,
    Allotting,
    Expected,
    Grid,
    GridContext,
    HasFlow,
    HasWires,
    allotting,
    charging,
    dearest_way_micro_per_kwh,
    flowing,
    wires_of,
)

__all__ = [
    "GRIDS",
    "MOST_TAPS",
    "NEAR",
    "NOWHERE",
    "NO_SOLUTION",
    "PHASES",
    "TAP_SHARE",
    "Allotting",
    "Bus",
    "Configuration",
    "Expected",
    "Feeder",
    "Figure",
    "Grid",
    "GridContext",
    "HasFlow",
    "HasWires",
    "InnerTransformer",
    "Line",
    "Load",
    "PhaseBus",
    "PhaseCapacitor",
    "PhaseFeeder",
    "PhaseFlow",
    "PhaseLine",
    "PhaseLoad",
    "PhaseRegulator",
    "PhaseTransformer",
    "PowerFlow",
    "Regulator",
    "Sensitivities",
    "Taps",
    "Transformer",
    "Tree",
    "allotting",
    "balanced",
    "charging",
    "controlled_flow",
    "dearest_way_micro_per_kwh",
    "fee_zones",
    "feeder_doubts",
    "feeder_findings",
    "figures_of",
    "flowing",
    "loss_shares",
    "node_of",
    "pair_capacity_w",
    "phase_flow",
    "power_flow",
    "published_taps",
    "relay_v",
    "sensitivities",
    "wires_of",
    "zones",
]
