"""Members of a community: one `Member` as its file says it, and the columns the rooms work on."""

from dataclasses import dataclass

from commonwatt.core.columns import Columns
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class MemberFacts:
    """What a market may know of a member beside its orders; public in every run, so that an auditor knows it too."""

    microgrid: str = ""
    trust: str = ""
    """A decimal number from 0 to 5; empty: nobody rates it."""
    budget_nano: int = 0
    """The most that what it buys from neighbours in a slot may cost, without fees; 0: no budget."""
    key_parts: int = 0
    """Parts of local production that a static key gives it."""
    bus: str = ""
    """Where it is on the feeder; empty where no model of the grid looks at one."""

    @property
    def line(self) -> str:
        """All of it as one line, for a hash; empty where nothing is said."""
        if self == MemberFacts():
            return ""
        said = f"microgrid={self.microgrid}\ttrust={self.trust}\tbudget_nano={self.budget_nano}\tkey_parts={self.key_parts}"
        return said + (f"\tbus={self.bus}" if self.bus else "")


@dataclass(frozen=True)
class Member:
    """One household, flat or firm as `members.csv` describes it."""

    id: str
    """The name the community uses; never on a ledger or in a public file."""
    role: str = "prosumer"
    """`prosumer` or `consumer`."""
    bus: str = ""
    microgrid: str = ""
    pv_w: int = 0
    battery_wh: int = 0
    battery_w: int = 0
    battery_min_wh: int = 0
    """Charge that is never drawn."""
    battery_initial_wh: int = 0
    inverter_w: int = 0
    """0: as large as PV and battery need."""
    strategy: str = "truthful"
    buy_limit_micro_per_kwh: int = 0
    """All-in, fees and taxes included."""
    sell_limit_micro_per_kwh: int = 0
    connection_w: int = 10_000
    source: str = ""
    """What it offers: `pv`, `wind`, `fuel`, `battery`, `ev` or nothing."""
    preference: str = "any"
    """`renewable` or `any`."""
    supplier: str = ""
    """Name of its own supplier in the tariff; empty: the tariff's prices."""
    origin: str = ""
    """Where its profile comes from: `measured`, `doubtful` (measured, but faulty on its face), `resampled`, `simulated`; shown in the report."""
    trust: str = ""
    """Trust in it, 0 to 5, as `MemberFacts` has it."""
    budget_nano: int = 0
    key_parts: int = 0

    def facts(self, on_feeder: bool = False) -> MemberFacts:
        """What the market may know of it; its place `on_feeder` only where a model of the grid looks at one."""
        bus = self.bus if on_feeder else ""
        return MemberFacts(self.microgrid, self.trust, self.budget_nano, self.key_parts, bus)


@dataclass(frozen=True)
class Fleet(Columns):
    """What the members own, one row a member in order of index."""

    pv_w: Ints
    battery_wh: Ints
    battery_w: Ints
    battery_min_wh: Ints
    inverter_w: Ints
    connection_w: Ints
