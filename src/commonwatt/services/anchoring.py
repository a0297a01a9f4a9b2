"""Anchoring: once a period, the Merkle root of what was posted in it."""

from commonwatt.core.determinism import merkle_root
from commonwatt.services.delivering import delivered_s
from commonwatt.services.market import Market
from commonwatt.services.ports import AnchorCall, Call
from commonwatt.services.state import State

PERIOD_ANCHOR = 0
"""`AnchorCall.kind` of a period."""


def anchor_of_period(market: Market, state: State, slot: int, calls: list[Call]) -> list[AnchorCall]:
    """The anchor that is due when this slot's end is a period's: the root over the content hashes posted since the last one."""
    end_s = delivered_s(market, slot)
    if end_s % market.rules.audit_period_s:
        return []
    leaves = [*state.unanchored, *(market.ledger.content_hash(call) for call in calls)]
    return [AnchorCall(end_s // market.rules.audit_period_s - 1, PERIOD_ANCHOR, merkle_root(leaves))]
