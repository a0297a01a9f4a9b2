"""Venues: how orders meet. Orders and a mechanism in, a session with its agreement and roots out."""

from commonwatt.venues.base import VENUES, Session, Venue

__all__ = ["VENUES", "Session", "Venue"]
