"""What the wires between members carry in a slot, as the model of the grid says it and a market may hold trades to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.columns import Columns
from commonwatt.core.units import Floats, Ints


@dataclass(frozen=True)
class Wires(Columns):
    """A radial feeder in a slot: one row a bus in the order of the feeder, then one for the far side of its transformer."""

    toward: Ints
    """The next bus towards the source, -1 of the last row, which has no line."""
    limit_wh: Ints
    """What the line above the bus carries in the slot, either way, Wh of real energy; the transformer is the line above the bus behind it."""
    loss_share: Floats
    """Part of the energy on that line that is lost; 0 where nobody says."""
    fee_micro_per_kwh: Ints
    """What a kWh that crosses that line pays."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"loss_share": ("float64", 0)}
