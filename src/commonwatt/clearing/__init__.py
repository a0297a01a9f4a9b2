"""Clearing: from an order book to an agreement; the promises every mechanism keeps or declares broken."""

from commonwatt.clearing.base import CLEARINGS, Clearing, ClearingContext, clear_markets, promise_findings

__all__ = ["CLEARINGS", "Clearing", "ClearingContext", "clear_markets", "promise_findings"]
