"""What an asset may look at, at a price."""

from commonwatt.assets import AssetContext
from commonwatt.core.tariff import Rates


def at(slot_s: int = 3600, retail_micro_per_kwh: int = 300_000) -> AssetContext:
    """A slot of some length at some retail price."""
    rates = Rates(retail_micro_per_kwh, 80_000, 300_000, 80_000, 90_000, 30_000, 20_000, 10_000, 80_000)
    return AssetContext(467_376, slot_s, rates)
