"""Planning: what is known at the gate, and what the assets intend on forecast flows."""

import numpy as np

from commonwatt.assets import AssetContext, Flows
from commonwatt.core.records import NO_ENVELOPE, AssetState, Envelope, Forecasts, Observed, Plans
from commonwatt.forecasting.base import SETTLED_BEHIND
from commonwatt.grid import Expected, allotting
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


def allot(market: Market, slot: int, forecasts: Forecasts, plans: Plans) -> tuple[Envelope, str]:
    """What each member may send out and take in, by what is expected at the gate; nothing, and why, where the model of the grid could not tell."""
    grid = allotting(market.rules.grid)
    if grid is None:
        return NO_ENVELOPE, ""
    net_wh, fleet = plans.net_wh, market.fleet
    expected = Expected(
        export_wh=np.maximum(net_wh, 0),
        import_wh=np.maximum(-net_wh, 0),
        load_wh=forecasts.load_wh,
        feeds_in=(fleet.pv_w > 0) | (fleet.battery_wh > 0),
    )
    context = market.rules.grid_context(slot, fleet, is_delivered=False)
    return attempted(lambda: grid.allot(expected, context), NO_ENVELOPE)


def allot_after(market: Market, state: State, slot: int) -> tuple[Envelope, str]:
    """The same for a slot that is traded after delivery: by forecasts from what was known when its gate would have closed.

    Where these cannot be made nothing is expected, and the room is dealt out alike.
    """
    if allotting(market.rules.grid) is None:
        return NO_ENVELOPE, ""
    forecasts, plans, _ = intend(market, state, slot)
    return allot(market, slot, forecasts, plans)
