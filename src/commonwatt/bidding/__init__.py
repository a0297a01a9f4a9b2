"""Bidding: from a member's expected or metered position and limits to an order."""

from commonwatt.bidding.base import BIDDINGS, Bidding, BiddingContext, Wishes

__all__ = ["BIDDINGS", "Bidding", "BiddingContext", "Wishes"]
