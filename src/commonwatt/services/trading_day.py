"""The trading day: both halves of a slot as straight lines of steps; each is a function from records to records."""

from commonwatt.services.anchoring import anchor_of_period
from commonwatt.services.correcting import due_corrections
from commonwatt.services.covering import require_accepted, require_covered
from commonwatt.services.delivering import delivered_s, dispatch, elect, flow, meter, score, settle, signed_trades
from commonwatt.services.deviating import SETTLED, after_the_fact
from commonwatt.services.halves import DeliveryHalf, GateHalf
from commonwatt.services.market import Market
from commonwatt.services.planning import allot, allot_after, gate_s, intend
from commonwatt.services.ports import Call
from commonwatt.services.posting import market_calls, settle_calls, slot_calls
from commonwatt.services.rules import EX_POST
from commonwatt.services.state import State
from commonwatt.services.trading import trade


def gate(market: Market, state: State, slot: int) -> GateHalf:
    """Until the gate: observe, forecast, plan, bid, agree, check the grid, reserve. Slot - 2 is settled, slot - 1 being delivered."""
    forecasts, plans, unable = intend(market, state, slot)
    envelope, unallotted = allot(market, slot, forecasts, plans)
    balances = market.ledger.balances(gate_s(market, slot))
    open_gates = [(half.slot, half.trading) for half in state.gates.values()]
    prices = state.prices(market.rules.slots.slot_s)
    lately = state.deviations.get(slot - SETTLED)
    trading = trade(
        market,
        slot,
        plans.net_wh,
        balances,
        state.standing,
        open_gates,
        unable or unallotted,
        prices,
        revocations=state.revocations,
        announced=state.announced,
        deviation=lately,
        envelope=envelope,
    )
    calls = market_calls(slot, trading)
    signed = market.ledger.sign(calls)
    require_accepted(market, slot, calls, signed, gate_s(market, slot))
    return GateHalf(slot, forecasts, plans, trading, signed, envelope)


def deliver(market: Market, state: State, slot: int) -> DeliveryHalf:
    """After delivery: dispatch, meter, verify, (ex_post: agree,) settle, correct what arrived late, score, elect, post."""
    metered = market.feed.metered(slot)
    gated = state.gates.get(slot)
    envelope, unallotted = (gated.envelope, "") if gated else allot_after(market, state, slot)
    flows, assets, undispatched = dispatch(market, state, slot, metered, envelope)
    readings, unread = meter(market, state, slot, flows, metered.quality)
    election, unelected = elect(market, state, slot)
    flowed, unflowed = flow(market, slot, readings)
    trading = None
    balances = market.ledger.balances(delivered_s(market, slot))
    if market.rules.timing == EX_POST:
        trading = trade(
            market,
            slot,
            readings.export_wh - readings.import_wh,
            balances,
            state.standing,
            unable=unallotted,
            prices=state.prices(market.rules.slots.slot_s),
            revocations=state.revocations,
            announced=state.announced,
            deviation=after_the_fact(readings) if market.rules.follows_deviation else None,
            envelope=envelope,
            flowed=(flowed, unflowed),
        )
    agreed = trading or state.gates[slot].trading
    lost_wh, unable = flowed.losses_wh, undispatched or unread or unelected
    statement, failed = settle(market, state, agreed, readings, slot, lost_wh, void=unable)
    scores, unscored = score(market, state, readings, statement)
    if unscored and not failed:
        statement, failed = settle(market, state, agreed, readings, slot, lost_wh, void=unscored)
    corrections = due_corrections(market, state, readings, slot)
    calls: list[Call] = [
        *(market_calls(slot, trading) if trading else ()),
        *slot_calls(statement, signed_trades(state, agreed, statement), market.rules.path, market.ledger.content_hash),
        *(
            call
            for c in corrections
            for call in settle_calls(c.statement, state.settled[c.statement.slot].content_hash, market.rules.path)
        ),
    ]
    calls += anchor_of_period(market, state, slot, calls)
    require_covered(slot, calls, balances)
    signed = market.ledger.sign(calls)
    require_accepted(market, slot, calls, signed, delivered_s(market, slot))
    return DeliveryHalf(
        slot,
        flows,
        assets,
        readings,
        trading,
        failed,
        statement,
        corrections,
        scores,
        election,
        signed,
        flowed,
        envelope,
    )
