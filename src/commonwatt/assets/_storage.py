"""Storage arithmetic in whole Wh, shared by the rules that decide when a battery moves."""

from typing import Any, Final

import numpy as np

from commonwatt.assets.base import Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState
from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints, slot_energy_wh

MILLION: Final = 10**6


def efficiency_parameter() -> Any:
    """`one_way_efficiency_share`, a parameter of every rule that moves a battery."""
    return parameter(
        0.948683,
        doc="share of the energy that survives charging, and again of what survives discharging; the default is the square root of 0.9",
        low=0.01,
        high=1.0,
        source="90 % there and back, AC to AC: an assumption in the middle of what home batteries' data sheets state",
    )


def moved(
    fleet: Fleet, state: AssetState, flows: Flows, most_in_wh: Ints, most_out_wh: Ints, efficiency_share: float
) -> tuple[Flows, AssetState]:
    """Flows and state after batteries took in at most `most_in_wh` or gave at most `most_out_wh`, Wh at the meter's side, per member.

    One of the two bounds is 0 in every row. Of `charge` floor(charge x efficiency) is stored; `discharge` draws
    ceil(discharge / efficiency). Each flow is the smallest one that moves its whole Wh of storage.
    """
    room = np.maximum(fleet.battery_wh - state.storage_wh, 0)
    drawable = np.maximum(state.storage_wh - fleet.battery_min_wh, 0)
    # The one place where the efficiency, a float, becomes exact: parts in a million.
    kept = round(efficiency_share * MILLION)
    stored = np.minimum(most_in_wh * kept // MILLION, room)
    charge = _ceil_divided(stored * MILLION, kept)
    discharge = np.minimum(most_out_wh, drawable * kept // MILLION)
    drawn = _ceil_divided(discharge * MILLION, kept)
    after = state.replaced(storage_wh=state.storage_wh + stored - drawn)
    return flows.replaced(charge_wh=flows.charge_wh + charge, discharge_wh=flows.discharge_wh + discharge), after


def power_bounds_wh(fleet: Fleet, flows: Flows, slot_s: int) -> tuple[Ints, Ints]:
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
