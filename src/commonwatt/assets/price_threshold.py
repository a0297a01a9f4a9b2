"""Price threshold: charge while electricity is cheap, use the charge while it is dear."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.assets._storage import efficiency_parameter, moved, power_bounds_wh
from commonwatt.assets.base import AssetContext, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState
from commonwatt.core.registry import parameter
from commonwatt.core.units import slot_energy_wh


@dataclass(frozen=True)
class PriceThreshold:
    """A battery that follows the tariff's retail price: cheap, it fills up, from the grid too; dear, it serves the home.

    The price is the slot's retail price of energy, known beforehand. Up to `charge_below` the battery charges at full power, its own
    surplus first, the rest through the meter, as far as the member's connection (and its import cap, where it has one) carries it. From `discharge_above` on it covers the
    member's deficit. A surplus is stored at any price. Between the thresholds nothing is given; where they overlap, cheap wins. The
    charge never goes out to the grid. Arithmetic as `battery`.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    charge_below_micro_per_kwh: int = parameter(
        150_000,
        doc="retail price up to which it charges from the grid",
        unit="micro/kWh",
        low=-(2**31) + 1,
        high=2**31 - 1,
        source="an assumption: a night tariff",
    )
    discharge_above_micro_per_kwh: int = parameter(
        250_000,
        doc="retail price from which it gives",
        unit="micro/kWh",
        low=-(2**31) + 1,
        high=2**31 - 1,
        source="an assumption: a day tariff",
    )
    one_way_efficiency_share: float = efficiency_parameter()

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:
        """What the rule would do on the forecast flows, and the state of charge that would leave."""
        return self.dispatch(fleet, state, flows, context)

    def dispatch(
        self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext
    ) -> tuple[Flows, AssetState]:
        """What the rule does on the metered flows, and the state of charge after the slot."""
        most_in, most_out = power_bounds_wh(fleet, flows, context.slot_s)
        retail = context.rates.retail_micro_per_kwh
        is_cheap = retail <= self.charge_below_micro_per_kwh
        is_dear = retail >= self.discharge_above_micro_per_kwh and not is_cheap
        wanted, given = np.maximum(flows.net_wh, 0), np.maximum(-flows.net_wh, 0) * is_dear
        if is_cheap:
            # Through the meter comes no more than the connection, or its cap, has left beside the home's own deficit.
            most_wh = slot_energy_wh(fleet.connection_w, context.slot_s)
            if len(context.envelope):
                most_wh = np.minimum(most_wh, context.envelope.import_wh)
            wanted = np.maximum(flows.net_wh + most_wh, 0)
        charge_wh, discharge_wh = np.minimum(wanted, most_in), np.minimum(given, most_out)
        return moved(fleet, state, flows, charge_wh, discharge_wh, self.one_way_efficiency_share)
