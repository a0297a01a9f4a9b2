"""Venues: how orders meet. Events and context in, an agreement out, and what became of every event."""

from commonwatt.venues.base import (
    PROMISES,
    VENUES,
    Meeting,
    Venue,
    VenueContext,
    book_root,
    clearing_root,
    commitments,
    event_leaves,
    order_leaves,
    order_root,
    revealed_leaves,
    trade_leaves,
)

__all__ = [
    "PROMISES",
    "VENUES",
    "Meeting",
    "Venue",
    "VenueContext",
    "book_root",
    "clearing_root",
    "commitments",
    "event_leaves",
    "order_leaves",
    "order_root",
    "revealed_leaves",
    "trade_leaves",
]
