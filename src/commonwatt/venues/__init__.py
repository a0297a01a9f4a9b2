"""Venues: how orders meet. Orders and a mechanism in, a session with its agreement and roots out."""

from commonwatt.venues.base import (
    VENUES,
    Session,
    Venue,
    book_root,
    clearing_root,
    commitments,
    order_leaves,
    order_root,
    trade_leaves,
)

__all__ = [
    "VENUES",
    "Session",
    "Venue",
    "book_root",
    "clearing_root",
    "commitments",
    "order_leaves",
    "order_root",
    "trade_leaves",
]
