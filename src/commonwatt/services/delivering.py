"""Delivering: dispatch, meter, settle and elect; what happens to a slot after its energy has flowed."""

import numpy as np

from commonwatt.assets import AssetContext, Flows, curtailed
from commonwatt.core.errors import ConservationBroken, VerificationFailed
from commonwatt.core.records import (
    NO_ENVELOPE,
    Agreement,
    AssetState,
    Election,
    Envelope,
    GridVerdict,
    Quality,
    Readings,
    Reason,
    Scores,
    Statement,
)
from commonwatt.core.units import Ints
from commonwatt.services.failing import attempted
from commonwatt.services.feed import Metered
from commonwatt.services.halves import Trading
from commonwatt.services.judging import flow_verdict
from commonwatt.services.market import Market
from commonwatt.services.pairing import SignedTrades
from commonwatt.services.state import State
from commonwatt.settlement import statement_findings
from commonwatt.trust import TrustContext
from commonwatt.validators import ElectionContext


def delivered_s(market: Market, slot: int) -> int:
    """When a slot's energy has flowed: its end. The block time of its settlement."""
    return market.rules.slots.start_s(slot + 1)


def dispatch(
    market: Market, state: State, slot: int, metered: Metered, envelope: Envelope = NO_ENVELOPE
) -> tuple[Flows, AssetState, str]:
    """What load, PV and storage did on what the meters say, within the envelope; storage rests, and why, where a rule could not tell."""
    measured = Flows.of(len(metered), load_wh=metered.load_wh, pv_wh=metered.pv_wh)
    context = AssetContext(slot, market.rules.slots.slot_s, market.rules.rates(slot), envelope)

    def moved() -> tuple[Flows, AssetState]:
        flows, assets = measured, state.assets
        for asset in market.assets:
            flows, assets = asset.dispatch(market.fleet, assets, flows, context)
        return flows, assets

    (flows, assets), failed = attempted(moved, (measured, state.assets))
    return curtailed(flows, envelope), assets, failed


def meter(market: Market, state: State, slot: int, flows: Flows, quality: Ints) -> tuple[Readings, str]:
    """Both registers of every meter as signed packets, verified; a silent meter's substitute (`quality`) has no packet.

    Where the level cannot make packets, the registers are substitutes like those of a silent meter, and why is said.

    Raises:
        VerificationFailed: a packet that its own meter's key does not confirm, or a counter used before.

    """
    net_wh = flows.net_wh
    raw = Readings.of(
        len(flows),
        member=np.arange(len(flows)),
        import_wh=np.maximum(-net_wh, 0),
        export_wh=np.maximum(net_wh, 0),
        quality=quality,
        counter=np.where(quality == Quality.SUBSTITUTED, -1, state.counters + 1),
    )
    silent = raw.replaced(quality=np.full(len(raw), int(Quality.SUBSTITUTED)), counter=np.full(len(raw), -1, np.int64))
    return attempted(lambda: verified(market, slot, raw, state.counters), silent)


def verified(market: Market, slot: int, raw: Readings, last_counter: Ints) -> Readings:
    """Raw registers as packets of their meters, checked as an auditor would check them."""
    rules = market.rules
    readings = rules.metering.read(slot, raw, market.keys, rules.community, rules.packet_signing)
    findings = rules.metering.findings(slot, readings, market.packet_signers, last_counter, rules.community)
    if findings:
        raise VerificationFailed("; ".join(str(f) for f in findings))
    return readings


def flow(market: Market, slot: int, readings: Readings) -> tuple[GridVerdict, str]:
    """What the grid model says of the energy that flowed; unchecked, and why, where it could not tell.

    Of what flowed it is asked once: in `ex_post` this is the slot's verdict on its trades, too, because nothing of them can be cut any more.
    """
    return flow_verdict(market.rules, slot, market.fleet, readings)


def settle(
    market: Market, state: State, trading: Trading, readings: Readings, slot: int, losses_wh: int, void: str = ""
) -> tuple[Statement, str]:
    """The statement of a slot with what its wires lost, and why its trades were void: `void`, or that the rule could not settle them.

    Raises:
        VerificationFailed: energy or money of the statement does not balance, or not even readings without trades could be settled;
            nothing goes on from there.

    """
    members = len(market.members)
    context = market.rules.settlement_context(
        slot, members, state.rewards_nano, trading.exchange, state.errors_mwh, losses_wh
    )
    rule, book = market.rules.settlement, trading.book
    nothing = Agreement.nothing(len(book), Reason.SLOT_FAILED)

    def settled(agreement: Agreement) -> tuple[Agreement, Statement] | None:
        return agreement, rule.settle(book, agreement, readings, context)

    done, failed = (None, void) if void else attempted(lambda: settled(trading.agreement), None)
    fault = ""
    if done is None:
        done, fault = attempted(lambda: settled(nothing), None)
    if done is None:
        raise VerificationFailed(f"slot {slot}: expected the rule to settle readings without trades, {fault}")
    agreement, statement = done
    findings = statement_findings(statement, book, agreement, readings, context)
    if findings:
        raise ConservationBroken(f"slot {slot}: " + "; ".join(str(f) for f in findings))
    return statement, failed


def signed_trades(state: State, trading: Trading, statement: Statement) -> SignedTrades:
    """The trades of a slot as a statement settled them, with what their members signed."""
    void = len(statement.delivered_wh) != len(trading.agreement.trades)
    return SignedTrades(
        trades=trading.agreement.trades,
        delivered_wh=np.zeros(0, np.int64) if void else statement.delivered_wh,
        instruction=trading.instruction,
        instructions=state.standing if len(state.standing) else trading.signed,
    )


def score(market: Market, state: State, readings: Readings, statement: Statement) -> tuple[Scores, str]:
    """Trust after the slot; the scores before it, and why, where it cannot be told."""
    context = TrustContext(statement.slot, readings, statement)
    return attempted(lambda: market.trust.update(state.scores, context), state.scores)


def elect(market: Market, state: State, slot: int) -> tuple[Election | None, str]:
    """The validators of the epoch that begins with this slot's end, once a period; none, so that the old set stays, and why, where it fails."""
    end_s = delivered_s(market, slot)
    if end_s % market.rules.audit_period_s:
        return None, ""
    context = ElectionContext(end_s // market.rules.audit_period_s, market.authorities, state.scores)
    return attempted(lambda: market.validators.elect(context), None)
