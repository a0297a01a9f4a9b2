"""Building: looks names up in the registries and hands adapters to the services."""

from collections.abc import Sequence
from typing import Any

from commonwatt.adapters.keys import KeyFile
from commonwatt.assets import ALWAYS, ASSETS
from commonwatt.bidding import BIDDINGS
from commonwatt.core.members import MemberFacts
from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES
from commonwatt.pricing import with_terms
from commonwatt.services.claims import ClaimsLedger
from commonwatt.services.federation import Others
from commonwatt.services.feed import Feed
from commonwatt.services.market import Market
from commonwatt.services.ports import LedgerMember, LedgerTerms
from commonwatt.services.rules import Rules, order_facts, places
from commonwatt.settings import Settings
from commonwatt.settings.rooms import ROOMS
from commonwatt.wiring.bonds import with_bonds
from commonwatt.wiring.timing import Stopwatch

STEPS = {
    "forecasting": "forecast",
    "venues": "agree",
    "grid": "check grid",
    "metering": "meter",
    "settlement": "settle",
    "trust": "update trust",
    "validators": "elect",
}
"""Rooms whose time is shown in timing.json, by the name of their step."""


def answers_of(settings: Settings, watch: Stopwatch) -> dict[str, Any]:
    """The chosen answer of every room by room name, timed by step."""
    answers = {}
    for room, chosen in settings.choices.items():
        answer = ROOMS[room].make(chosen.name, **chosen.parameters)
        answers[room] = watch.timed(answer, STEPS[room]) if room in STEPS else answer
    return answers


def rules_of(
    settings: Settings, answers: dict[str, Any], suppliers: Sequence[str] = (), members: Sequence[MemberFacts] = ()
) -> Rules:
    """The published design as answers of the rooms; `suppliers` names each member's own by index, unknown ones are left out; `members` is what is known of each, by whoever has to clear."""
    feeder = settings.feeder.feeder if settings.feeder else None
    known = {own.name for own in settings.tariff.suppliers}
    named = tuple(name if name in known else "" for name in suppliers)
    return Rules(
        community=settings.community.name,
        slots=settings.slots,
        seed=settings.community.seed,
        timing=settings.market.timing,
        rates=settings.rates,
        renewable_storage=settings.market.renewable_storage,
        audit_period_s=settings.audit_period_s,
        window_slots=settings.ledger.window_slots,
        clearing=answers["clearing"],
        metering=answers["metering"],
        packet_signing=settings.metering.signing,
        order_signing=settings.bidding.signing,
        pricing=with_terms(
            answers["pricing"],
            settings.pricing.imbalance_alpha_micro_per_kwh,
            settings.pricing.secure_lambda_micro_per_kwh,
        ),
        settlement=answers["settlement"],
        venue=answers["venues"],
        grid=answers["grid"],
        path=SETTLE_TRADES if settings.ledger.path == "trades" else SETTLE_NET,
        suppliers=named if any(named) else (),
        supplied=settings.rates,
        members=order_facts(members),
        feeder=feeder,
        bus=places(feeder, members),
    )


def terms_of(settings: Settings, keys: KeyFile, deposits_nano: tuple[int, ...]) -> LedgerTerms:
    """What the community's ledger is founded on."""
    members = tuple(
        LedgerMember(
            pseudonym=keys.pseudonym(member.id),
            wallet=keys.wallet(member.id),
            meter_key=keys.meter_address(index),
            connection_w=member.connection_w,
            deposit_nano=deposit,
            role=member.role,
            facts=facts,
        )
        for index, (member, deposit, facts) in enumerate(
            zip(settings.members, deposits_nano, settings.member_facts, strict=True)
        )
    )
    founded = LedgerTerms(
        community=settings.community.name,
        slot_s=settings.community.slot_s,
        window_slots=settings.ledger.window_slots,
        price_cap_micro_per_kwh=settings.price_cap_micro_per_kwh,
        supplier_deposit_nano=settings.supplier_deposit_nano,
        members=members,
    )
    return with_bonds(founded, settings)


def market_of(
    settings: Settings,
    terms: LedgerTerms,
    feed: Feed,
    keys: KeyFile,
    ledger: ClaimsLedger,
    watch: Stopwatch,
    others: Others | None = None,
) -> Market:
    """The market of a community: one choice from each room and the adapters it runs on; `others` are those of its federation."""
    answers = answers_of(settings, watch)
    # In the order in which they see the energy: the battery acts on what load and PV leave.
    assets = (*(ASSETS.make(name) for name in ALWAYS), answers["assets"])
    return Market(
        rules=rules_of(settings, answers, [m.supplier for m in settings.members], settings.member_facts),
        members=settings.members,
        authorities=settings.validators.authorities,
        terms=terms,
        assets=tuple(watch.timed(asset, "dispatch") for asset in assets),
        bidding={
            name: watch.timed(BIDDINGS.make(name, **chosen.parameters), "bid")
            for name, chosen in settings.strategies.items()
        },
        forecasting=answers["forecasting"],
        trust=answers["trust"],
        validators=answers["validators"],
        feed=feed,
        keys=keys,
        ledger=watch.timed(ledger, "post"),
        others=others,
    )
