"""Clearing: from an order book to an agreement; the promises every mechanism keeps or declares broken."""

from commonwatt.clearing._between import LevelTwo, Position, meet_between, quoted, with_exchange
from commonwatt.clearing._matching import Places, kept_apart, unserved
from commonwatt.clearing._promises import promise_findings
from commonwatt.clearing._zones import clear_markets, clear_on_lines, zones_of
from commonwatt.clearing.base import (
    CLEARINGS,
    NO_BUDGET,
    NO_PARTS,
    NO_PLACE,
    Clearing,
    ClearingContext,
    Duals,
    HasDuals,
    Lines,
    OrderFacts,
)

__all__ = [
    "CLEARINGS",
    "NO_BUDGET",
    "NO_PARTS",
    "NO_PLACE",
    "Clearing",
    "ClearingContext",
    "Duals",
    "HasDuals",
    "LevelTwo",
    "Lines",
    "OrderFacts",
    "Places",
    "Position",
    "clear_markets",
    "clear_on_lines",
    "kept_apart",
    "meet_between",
    "promise_findings",
    "quoted",
    "unserved",
    "with_exchange",
    "zones_of",
]
