"""Building: looks names up in the registries and hands adapters to the services."""

from commonwatt.clearing import CLEARINGS
from commonwatt.core.slots import SlotGrid
from commonwatt.metering import METERINGS
from commonwatt.pricing import PRICINGS
from commonwatt.services.rules import Rules
from commonwatt.settings import Settings
from commonwatt.settlement import SETTLEMENTS
from commonwatt.venues import VENUES

BEHIND_THE_METER = ("load", "pv", "battery")
"""Assets in the order in which they see the energy: the battery acts on what load and PV leave."""


def rules_of(settings: Settings) -> Rules:
    """The published design as answers of the rooms."""
    return Rules(
        community=settings.community.name,
        slots=SlotGrid(settings.community.slot_s),
        seed=settings.community.seed,
        timing=settings.market.timing,
        rates=settings.rates,
        renewable_storage=settings.market.renewable_storage,
        audit_period_s=settings.audit_period_s,
        window_slots=settings.ledger.window_slots,
        clearing=CLEARINGS.make(settings.market.clearing, **settings.parameters("clearing")),
        metering=METERINGS.make(settings.metering.level, **settings.parameters("metering")),
        pricing=PRICINGS.make(settings.pricing.policy, **settings.parameters("pricing")),
        settlement=SETTLEMENTS.make(settings.settlement.rule, **settings.parameters("settlement")),
        venue=VENUES.make(settings.market.venue, **settings.parameters("venues")),
    )
