"""What imbalance costs: a price a direction, or prices that know whether the whole community was short or long."""

from __future__ import annotations

from typing import Final

from commonwatt.core.units import IntOrInts, midpoint_micro_per_kwh

BY_DIRECTION: Final = "by_direction"
IMBALANCES: Final = (BY_DIRECTION, "two_price", "single_price")
"""How the DSO prices imbalance."""


def imbalance_prices(
    form: str, surplus_wh: int, retail: IntOrInts, feed_in: IntOrInts, buy: IntOrInts, sell: IntOrInts
) -> tuple[IntOrInts, IntOrInts]:
    """What a kWh short costs and what a kWh long earns, micro per kWh.

    `surplus_wh` is what all members together are long less what they are short. `by_direction`: short costs `buy`, long earns `sell`.
    `two_price`: so for those who make the community's imbalance larger; who makes it smaller pays `retail` or gets `feed_in`, as if it had
    not traded. `single_price`: one price for both, `buy` where the community is short and `sell` where it is long; half way, rounded
    down, where it is neither.
    """
    if form == "two_price":
        return (buy if surplus_wh < 0 else retail), (sell if surplus_wh > 0 else feed_in)
    if form == "single_price":
        price = buy if surplus_wh < 0 else sell if surplus_wh > 0 else midpoint_micro_per_kwh(sell, buy)
        return price, price
    return buy, sell
