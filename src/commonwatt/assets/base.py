"""Assets: what load, PV and storage intend (plan) and do (dispatch), with all state in a record."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.columns import Columns
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class Flows(Columns):
    """Energy behind the meter in one slot, one row a member, Wh, all at least 0."""

    load_wh: Ints
    pv_wh: Ints
    charge_wh: Ints
    """Taken in by storage."""
    discharge_wh: Ints
    """Given by storage."""

    @property
    def net_wh(self) -> Ints:
        """At the meter: out to the community or grid is positive."""
        return self.pv_wh + self.discharge_wh - self.load_wh - self.charge_wh


@dataclass(frozen=True)
class AssetContext:
    """What an asset may look at beside the member's own flows."""

    slot: int
    slot_s: int
    """Length of a slot in seconds."""
    rates: Rates
    """The tariff of the slot, known beforehand."""


class Asset(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: never charges and discharges at once; charges no more through the meter than the member's connection carries; state stays within its bounds and is unchanged when idle; plan and dispatch differ only
    in what they are given (forecast or metered flows); deterministic.
    """

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:
        """What the asset intends on forecast flows; returns the flows with its own added and the expected state."""
        ...

    def dispatch(
        self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext
    ) -> tuple[Flows, AssetState]:
        """What the asset does on metered flows; returns the flows with its own added and the state after the slot."""
        ...


ASSETS = Registry[Asset]("assets", "storage")
ALWAYS = ("load", "pv")
"""Assets that every community has; they are asked first, in this order. The community chooses what its batteries do (`storage`)."""
