"""PV: what the panels give, up to the size of the inverter."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.assets.base import AssetContext, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState
from commonwatt.core.units import slot_energy_wh


@dataclass(frozen=True)
class Pv:
    """PV generation in AC; where the member has an inverter size, nothing above it comes out."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:
        """The forecast generation, clipped."""
        return _clipped(fleet, flows, context.slot_s), state

    def dispatch(
        self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext
    ) -> tuple[Flows, AssetState]:
        """The metered generation, clipped."""
        return _clipped(fleet, flows, context.slot_s), state


def _clipped(fleet: Fleet, flows: Flows, slot_s: int) -> Flows:
    most_wh = slot_energy_wh(fleet.inverter_w, slot_s)
    return flows.replaced(pv_wh=np.where(fleet.inverter_w > 0, np.minimum(flows.pv_wh, most_wh), flows.pv_wh))
