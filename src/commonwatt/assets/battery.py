"""Battery: store the surplus, use it at home when there is a deficit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.assets._storage import efficiency_parameter, moved, power_bounds_wh
from commonwatt.assets.base import AssetContext, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState


@dataclass(frozen=True)
class Battery:
    """Rule-based self-consumption: charge from the member's own surplus, discharge to its own deficit, never to or from the grid.

    All energy is whole Wh. Of `charge` at the meter, floor(charge x efficiency) is stored; `discharge` at the meter draws
    ceil(discharge / efficiency). Both roundings go against the owner, so that storage never makes energy, and each flow is the smallest
    one that moves its whole Wh of storage, so that a trickle is not burnt in rounding. There is no self-discharge.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    one_way_efficiency_share: float = efficiency_parameter()

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:
        """What the rule would do on the forecast flows, and the state of charge that would leave."""
        return self.dispatch(fleet, state, flows, context)

    def dispatch(
        self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext
    ) -> tuple[Flows, AssetState]:
        """What the rule does on the metered flows, and the state of charge after the slot."""
        most_in, most_out = power_bounds_wh(fleet, flows, context.slot_s)
        surplus, deficit = np.clip(flows.net_wh, 0, most_in), np.clip(-flows.net_wh, 0, most_out)
        return moved(fleet, state, flows, surplus, deficit, self.one_way_efficiency_share)
