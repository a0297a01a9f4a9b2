"""Pricing: what a kWh costs between the lowest and highest price both sides accept."""

from commonwatt.pricing._terms import PriceTerms, with_terms
from commonwatt.pricing.base import PRICINGS, Pricing, PricingContext, by_book, moved_into

__all__ = ["PRICINGS", "PriceTerms", "Pricing", "PricingContext", "by_book", "moved_into", "with_terms"]
