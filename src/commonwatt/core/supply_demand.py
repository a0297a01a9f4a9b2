"""The price that follows the ratio of supply to demand, between feed-in and retail; exact, rounded down once."""

from __future__ import annotations


def supply_demand_price_micro_per_kwh(supply_wh: int, demand_wh: int, feed_in: int, retail: int) -> int:
    """What a seller gets for a kWh: retail where there is no supply, falling to feed-in where it reaches the demand.

    `FiT * RT / ((RT - FiT) * SDR + FiT)` with SDR = supply / demand up to 1 (the rule from which Haider 2024, Eq. 3.4, derives; Liu et
    al. 2017, doi:10.1109/TPWRS.2017.2649558). For a feed-in of 0 or less that has a pole, and the straight line between the same ends
    stands in. No demand: feed-in. Prices in micro per kWh; where retail is not above feed-in, feed-in.
    """
    if retail <= feed_in or not demand_wh or supply_wh >= demand_wh:
        return feed_in
    if feed_in <= 0:
        return retail - -(-(retail - feed_in) * supply_wh // demand_wh)
    return feed_in * retail * demand_wh // ((retail - feed_in) * supply_wh + feed_in * demand_wh)


def bought_price_micro_per_kwh(low: int, high: int, cheap_wh: int, wanted_wh: int) -> int:
    """What a buyer pays for a kWh on average, rounded up and never below `low`: `cheap_wh` of `wanted_wh` (> 0) at `low`, the rest at `high`."""
    return max(low, -(-(low * cheap_wh + high * (wanted_wh - cheap_wh)) // wanted_wh))
