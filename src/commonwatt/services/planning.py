"""Planning: what is known at the gate, and what the assets intend on forecast flows."""

from commonwatt.assets import AssetContext, Flows
from commonwatt.core.records import AssetState, Forecasts, Observed, Plans
from commonwatt.forecasting.base import SETTLED_BEHIND
from commonwatt.services.failing import attempted
from commonwatt.services.market import Market
from commonwatt.services.state import State


def gate_s(market: Market, slot: int) -> int:
    """When the gate of a slot closes: half a slot before it begins, while the slot before it is being delivered."""
    return market.rules.gate_s(slot)


def observe(market: Market, state: State, slot: int) -> Observed:
    """What is known when the gate closes; the newest settled slot is slot - 2, at a run's first gate too."""
    return Observed(
        slot=slot,
        slot_s=market.rules.slots.slot_s,
        history=state.history(slot - SETTLED_BEHIND),
        rates=market.rules.rates(slot),
    )


def intend(market: Market, state: State, slot: int) -> tuple[Forecasts, Plans, str]:
    """Forecasts and plans of a slot; zeros, and why, where a room could not answer."""

    def answered() -> tuple[Forecasts, Plans]:
        observed = observe(market, state, slot)
        forecasts = market.forecasting.forecast(observed, slot)
        return forecasts, plan(market, state, observed, forecasts)

    members = len(market.members)
    (forecasts, plans), failed = attempted(answered, (Forecasts.of(members), Plans.of(members)))
    return forecasts, plans, failed


def plan(market: Market, state: State, observed: Observed, forecasts: Forecasts) -> Plans:
    """What the assets intend: roll them from the last settled slot over those being delivered (forecast) to this one."""
    assets = state.assets
    for slot in range(state.first_slot + state.known, observed.slot):
        _, assets = _planned(market, slot, assets, market.forecasting.forecast(observed, slot))
    flows, _ = _planned(market, observed.slot, assets, forecasts)
    return Plans(net_wh=flows.net_wh, storage_wh=flows.discharge_wh - flows.charge_wh)


def _planned(market: Market, slot: int, assets: AssetState, forecasts: Forecasts) -> tuple[Flows, AssetState]:
    context = AssetContext(slot, market.rules.slots.slot_s, market.rules.rates(slot))
    flows = Flows.of(len(forecasts), load_wh=forecasts.load_wh, pv_wh=forecasts.pv_wh)
    for asset in market.assets:
        flows, assets = asset.plan(market.fleet, assets, flows, context)
    return flows, assets
