"""Rules: the published design of a market; with these and the public tables anyone can compute a slot again."""

from collections.abc import Callable
from dataclasses import dataclass

from commonwatt.clearing import Clearing, ClearingContext
from commonwatt.core.determinism import stream
from commonwatt.core.slots import SlotGrid
from commonwatt.core.tariff import Rates
from commonwatt.metering import Metering
from commonwatt.pricing import Pricing
from commonwatt.settlement import Settlement, SettlementContext
from commonwatt.venues import Venue

EX_POST = "ex_post"
EX_ANTE = "ex_ante"


@dataclass(frozen=True)
class Rules:
    """What `settings.toml` of a run says, as answers of the rooms."""

    community: str
    slots: SlotGrid
    seed: int
    timing: str
    rates: Callable[[int], Rates]
    renewable_storage: bool
    audit_period_s: int
    window_slots: int
    clearing: Clearing
    metering: Metering
    pricing: Pricing
    settlement: Settlement
    venue: Venue

    @property
    def window_s(self) -> int:
        """Length of the ledger's challenge window."""
        return self.window_slots * self.slots.slot_s

    def gate_s(self, slot: int) -> int:
        """When the gate of a slot closes: half a slot before it begins, while the slot before it is being delivered."""
        return self.slots.start_s(slot) - self.slots.slot_s // 2

    def clearing_context(self, slot: int) -> ClearingContext:
        """What the mechanism may look at in a slot."""
        return ClearingContext(
            slot=slot,
            rates=self.rates(slot),
            pricing=self.pricing,
            renewable_storage=self.renewable_storage,
            rng=stream(self.seed, "clearing", slot),
        )

    def settlement_context(self, slot: int, members: int, rewards_nano: int) -> SettlementContext:
        """What the settlement rule may look at in a slot; `rewards_nano` is what the pool holds before it."""
        return SettlementContext(
            slot=slot,
            members=members,
            rates=self.rates(slot),
            timing=self.timing,
            rewards_balance_nano=rewards_nano,
        )
