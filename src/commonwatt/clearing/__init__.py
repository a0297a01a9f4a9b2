"""Clearing: from an order book to an agreement; the promises every mechanism keeps or declares broken."""

from commonwatt.clearing._between import LevelTwo, Position, meet_between, quoted, with_exchange
from commonwatt.clearing._matching import kept_apart, unserved
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
    clear_markets,
    promise_findings,
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
    "Position",
    "clear_markets",
    "kept_apart",
    "meet_between",
    "promise_findings",
    "quoted",
    "unserved",
    "with_exchange",
]
