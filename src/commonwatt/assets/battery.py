"""Battery: store the surplus, use it at home when there is a deficit."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.assets.base import Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState
from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints, slot_energy_wh

MILLION: Final = 10**6


@dataclass(frozen=True)
class Battery:
    """Rule-based self-consumption: charge from the member's own surplus, discharge to its own deficit, never to or from the grid.

    All energy is whole Wh. Of `charge` at the meter, floor(charge x efficiency) is stored; `discharge` at the meter draws
    ceil(discharge / efficiency). Both roundings go against the owner, so that storage never makes energy, and each flow is the smallest
    one that moves its whole Wh of storage, so that a trickle is not burnt in rounding. There is no self-discharge.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    one_way_efficiency_share: float = parameter(
        0.948683,
        doc="Share of the energy that survives charging, and again of what survives discharging; the default is the square root of 0.9",
        low=0.01,
        high=1.0,
        source="90 % there and back, AC to AC: an assumption in the middle of what home batteries' data sheets state",
    )

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, slot_s: int) -> tuple[Flows, AssetState]:
        """What the rule would do on the forecast flows, and the state of charge that would leave."""
        return self._moved(fleet, state, flows, slot_s)

    def dispatch(self, fleet: Fleet, state: AssetState, flows: Flows, slot_s: int) -> tuple[Flows, AssetState]:
        """What the rule does on the metered flows, and the state of charge after the slot."""
        return self._moved(fleet, state, flows, slot_s)

    def _moved(self, fleet: Fleet, state: AssetState, flows: Flows, slot_s: int) -> tuple[Flows, AssetState]:
        """Wh at the meter's side in the flows, Wh of charge in the state; a member's net is positive or negative, so one side is zero."""
        most_in, most_out = _power_bounds_wh(fleet, flows, slot_s)
        surplus = np.clip(flows.net_wh, 0, most_in)
        deficit = np.clip(-flows.net_wh, 0, most_out)
        room = np.maximum(fleet.battery_wh - state.storage_wh, 0)
        drawable = np.maximum(state.storage_wh - fleet.battery_min_wh, 0)
        # The one place where the efficiency, a float, becomes exact: parts in a million.
        kept = round(self.one_way_efficiency_share * MILLION)
        stored = np.minimum(surplus * kept // MILLION, room)
        charge = _ceil_divided(stored * MILLION, kept)
        discharge = np.minimum(deficit, drawable * kept // MILLION)
        drawn = _ceil_divided(discharge * MILLION, kept)
        after = state.replaced(storage_wh=state.storage_wh + stored - drawn)
        return flows.replaced(charge_wh=flows.charge_wh + charge, discharge_wh=flows.discharge_wh + discharge), after


def _power_bounds_wh(fleet: Fleet, flows: Flows, slot_s: int) -> tuple[Ints, Ints]:
    """The most Wh in and out in a slot: the battery's power, and the inverter's where it has a size; what PV sends out leaves less."""
    battery = slot_energy_wh(fleet.battery_w, slot_s)
    inverter = slot_energy_wh(fleet.inverter_w, slot_s)
    has_size = fleet.inverter_w > 0
    free = np.maximum(inverter - flows.pv_wh, 0)
    most_in = np.where(has_size, np.minimum(battery, inverter), battery)
    most_out = np.where(has_size, np.minimum(battery, free), battery)
    return most_in, most_out


def _ceil_divided(dividend: Ints, divisor: int) -> Ints:
    return -(-dividend // divisor)
