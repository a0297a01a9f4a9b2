"""Reports: what a run leaves for people: summary.json, report.html, each member's folder, and the last lines on the terminal."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.adapters.store.files import write_bytes, write_json, write_text
from commonwatt.adapters.store.run_folder import RunFolder
from commonwatt.adapters.store.table_files import write_split
from commonwatt.core.accounts import Account, Kind
from commonwatt.core.tariff import Rates
from commonwatt.grid import GRIDS, flowing
from commonwatt.services.claims import Demand
from commonwatt.services.correcting import waiting_notices
from commonwatt.services.feed import LateReading
from commonwatt.services.market import Market
from commonwatt.services.ports import Batch
from commonwatt.services.reporting import RunFacts
from commonwatt.services.reporting.bills import Bills
from commonwatt.services.reporting.burden import FILE, burden_csv
from commonwatt.services.reporting.claims import claims_told, demand_counts
from commonwatt.services.reporting.ending import ending
from commonwatt.services.reporting.facts import PaidIn, WireFacts
from commonwatt.services.reporting.member_wires import MemberWires
from commonwatt.services.reporting.page import page
from commonwatt.services.reporting.summary import Results, results, summary_json
from commonwatt.services.reporting.words import day, energy
from commonwatt.settings import Settings
from commonwatt.settings.checking import OpenCommunity
from commonwatt.settings.rooms import asks_clearing

PSEUDONYMS = "pseudonyms.json"
ORIGINS = "origins.json"
"""Member -> where its profile comes from, for the bills; the operator's, as is the list of names."""


def facts_of(
    community: OpenCommunity,
    market: Market,
    slots: range,
    tables: Mapping[str, pa.Table],
    waiting: tuple[LateReading, ...] = (),
) -> RunFacts:
    """Everything about a run that is no table."""
    settings, choices = community.settings, community.settings.choices
    failed = tables["slots"].filter(tables["slots"]["failed"])
    gas_by_transaction, gas_source = market.ledger.gas()
    pseudonyms = {market.keys.pseudonym(member.id): member for member in settings.members}
    demands, batches = _claimed(market)

    def named(slot: int) -> str:
        begins = market.rules.slots.local_start(slot, settings.zone)
        return f"{day(begins.date())}, {begins:%H:%M},"

    return RunFacts(
        name=settings.community.name,
        currency=settings.community.currency,
        time_zone=settings.community.time_zone,
        slot_s=settings.community.slot_s,
        first_slot=slots.start,
        slots=len(slots),
        seed=settings.community.seed,
        design=settings.community.design,
        timing=settings.market.timing,
        venue=choices["venues"].name,
        clearing=choices["clearing"].name if asks_clearing(choices["venues"].name) else "by the venue",
        pricing=choices["pricing"].name,
        settlement=choices["settlement"].name,
        residual=str(getattr(market.rules.settlement, "residual", "metered")),
        forecasting=choices["forecasting"].name,
        metering=choices["metering"].name,
        chain=settings.ledger.chain,
        executor=market.ledger.executor,
        rates={slot: settings.rates(slot) for slot in slots},
        own_rates=_own_rates(settings, market, slots),
        member_ids={name: member.id for name, member in pseudonyms.items()},
        origins={name: member.origin for name, member in pseudonyms.items()},
        failed=dict(zip(failed["slot"].to_pylist(), failed["reason"].to_pylist(), strict=True)),
        notices=(
            *community.feed.notices(),
            *waiting_notices(waiting),
            *_exchanged_told(tables),
            *claims_told(demands, batches, named),
            *((market.ledger.note,) if market.ledger.note else ()),
        ),
        not_built=settings.not_built,
        gas_by_transaction=gas_by_transaction,
        gas_source=gas_source,
        ledger_verified=None,
        proofs_verified=0,
        anchors=_anchors(market, slots),
        top_ups=_top_ups(market),
        demands=demand_counts(demands, batches),
        wires=_wires(market),
        grid=_grid_told(settings),
    )


def _exchanged_told(tables: Mapping[str, pa.Table]) -> list[str]:
    """What crossed to and from other communities of a federation; nothing in a community alone."""
    postings = tables["postings"]
    rows = postings.filter(pc.equal(postings["kind"].cast(pa.string()), Kind.EXCHANGE.name.lower()))
    if not rows.num_rows:
        return []
    # The giver is credited, or debited at a negative price.
    pays_giver = pc.greater_equal(rows["price_micro_per_kwh"], 0)
    gives = pc.equal(pc.equal(rows["credit"].cast(pa.string()), Account.SUPPLIER.name.lower()), pays_giver)
    out_wh, in_wh = (pc.sum(rows.filter(side)["energy_wh"]).as_py() or 0 for side in (gives, pc.invert(gives)))
    return [
        f"{energy(out_wh)} went to other communities of the federation and {energy(in_wh)} came from them. What members sold and bought there counts "
        "as traded with neighbours on this page; the federation's own report says what it saved."
    ]


def _own_rates(settings: Settings, market: Market, slots: range) -> dict[str, dict[int, Rates]]:
    """By name of members' own suppliers their rates of every slot."""
    names = sorted({*market.rules.suppliers} - {""})
    return {name: {slot: settings.rates(slot, name) for slot in slots} for name in names}


def _wires(market: Market) -> WireFacts | None:
    """The feeder and the model that says what flows in it, as it judged what was metered."""
    rules, model = market.rules, flowing(market.rules.grid)
    if rules.feeder is None or model is None:
        return None
    context = rules.grid_context(0, market.fleet, is_delivered=True)
    at = float(getattr(model, "loss_loading_share", 0.0))
    return WireFacts(
        rules.feeder, rules.bus, model.rating_share, lambda net_wh: model.flow(net_wh, context), rules.wires, at
    )


def _grid_told(settings: Settings) -> str:
    """`radial on lane: rating_share 0.5, fee zone`: parameters at their defaults are left out."""
    chosen = settings.choices["grid"]
    feeder = f" on {settings.feeder.feeder.name}" if settings.feeder is not None else ""
    changed = [
        f"{p.name} {chosen.parameters[p.name]}"
        for p in GRIDS.parameters(chosen.name)
        if chosen.parameters.get(p.name, p.default) != p.default
    ]
    return f"{chosen.name}{feeder}" + (f": {', '.join(changed)}" if changed else "")


def _claimed(market: Market) -> tuple[list[Demand], list[Batch]]:
    """Every demand on the chain, and every batch; none where nobody ever claimed anything."""
    if not any(entry.call.startswith("claims.") for entry in market.ledger.entries()):
        return [], []
    return list(market.ledger.demands()), list(market.ledger.batches())


def _anchors(market: Market, slots: range) -> tuple[tuple[int, str], ...]:
    """Every anchor with the last slot of its period."""
    rules = market.rules
    anchors = (receipt for receipt in market.ledger.receipts() if receipt.kind == "anchor")
    ends = ((rules.slots.slot_of((a.slot + 1) * rules.audit_period_s) - 1, a.transaction) for a in anchors)
    return tuple((min(slot, slots[-1]), transaction) for slot, transaction in ends)


def names_of(market: Market) -> dict[str, str]:
    """The operator's map from members' names to pseudonyms."""
    return {member.id: market.keys.pseudonym(member.id) for member in market.members}


def _top_ups(market: Market) -> tuple[PaidIn, ...]:
    """What was paid into the supplier's deposit after the foundation; a payment is made at the end of the slot that waited."""
    slots = market.rules.slots
    return tuple(
        PaidIn(slots.slot_of(entry.time_s) - 1, nano)
        for entry in market.ledger.entries()
        for account, nano in entry.paid_nano
        if account == Account.SUPPLIER and entry.call == "deposit"
    )


def write_member_folders(folder: RunFolder, market: Market) -> None:
    """Each member's own rows of the public instructions, orders, events and readings, and what the bills say of their profiles."""
    names = names_of(market)
    write_json(folder.private / ORIGINS, {member.id: member.origin for member in market.members})
    for table in ("instructions", "orders", "events", "readings"):
        own = {pseudonym: folder.members / member_id / f"{table}.csv" for member_id, pseudonym in names.items()}
        write_split(folder.public / f"{table}.parquet", "member", own)


def write_reports(
    folder: RunFolder, facts: RunFacts, tables: Mapping[str, pa.Table], community: str, program: str
) -> tuple[Results, list[str]]:
    """The summary, the page and the bills; returns every figure and the last lines for the terminal: what was run and by what `program`."""
    computed = results(facts, tables)
    bills, wires = Bills(computed.books), MemberWires(computed.books)
    for index, member_id in enumerate(facts.member_ids.values()):
        write_bytes(folder.members / member_id / "bill.csv", bills.csv(index))
        write_bytes(folder.members / member_id / "wires.csv", wires.csv(index))
    write_text(folder.root / "summary.json", summary_json(computed.summary))
    write_text(folder.root / "report.html", page(computed))
    costs = burden_csv(computed.books)
    if costs:
        write_text(folder.root / FILE, costs)
    return computed, ending(computed, str(folder.root), program, community)
