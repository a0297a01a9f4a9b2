"""Cautious, greedy and expectant members."""

from typing import Any

import numpy as np
import pytest

from commonwatt.bidding import BIDDINGS, BiddingContext, Wishes
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import PriceHistory
from commonwatt.core.tariff import Rates
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH

RATES = Rates(300, 80, 300, 80, 90, 30, 20, 10, 80)
LOCAL = 30 + 10
DEAREST = 300 + 90 + 20 - LOCAL
CHEAPEST = 80 + LOCAL
SLOT = 24 * 100 + 12
"""Noon of day 100."""


def wishes(*net_wh: int, buy: int = 350, sell: int = 120) -> Wishes:
    count = len(net_wh)
    return Wishes.of(
        count,
        member=np.arange(count),
        net_wh=np.array(net_wh),
        buy_limit_micro_per_kwh=buy,
        sell_limit_micro_per_kwh=sell,
    )


def bids(name: str, asked: Wishes, prices: PriceHistory | None = None, **parameters: Any) -> OrderBook:
    known = {} if prices is None else {"prices": prices}
    return BIDDINGS.make(name, **parameters).bid(asked, BiddingContext(SLOT, RATES, stream(1), **known))


def traded(*hours: tuple[int, int, int]) -> PriceHistory:
    """(hours before `SLOT`, Wh, price) that were traded; settled up to two hours before it."""
    energy, price = np.zeros((2, SLOT - 1), np.int64)
    for back, wh, at in hours:
        energy[SLOT - back], price[SLOT - back] = wh, at
    return PriceHistory(0, 3600, energy, price)


def test_the_cautious_order_a_share_at_a_margin_inside_their_limit() -> None:
    book = bids("conservative", wishes(999, -999, 0), offered_share=0.5, margin_micro_per_kwh=20)
    assert book.energy_wh.tolist() == [499, 499]
    assert book.is_sell.tolist() == [True, False]
    assert book.limit_micro_per_kwh.tolist() == [140, 330]


def test_the_cautious_with_nothing_to_spare_order_nothing() -> None:
    assert len(bids("conservative", wishes(1, -1), offered_share=0.5)) == 0
    assert len(bids("conservative", wishes(500, -500), offered_share=0.0)) == 0


def test_a_margin_never_leaves_the_range_of_prices() -> None:
    most = PRICE_LIMIT_MICRO_PER_KWH - 1
    book = bids("conservative", wishes(10, -10, buy=-most, sell=most), margin_micro_per_kwh=most)
    assert book.limit_micro_per_kwh.tolist() == [most, -most]


@pytest.mark.parametrize(("reach", "ask", "bid"), [(0.0, 120, 350), (1.0, DEAREST, CHEAPEST), (0.5, 245, 235)])
def test_the_greedy_go_part_of_the_way_to_the_last_limit_that_can_trade(reach: float, ask: int, bid: int) -> None:
    book = bids("aggressive", wishes(500, -700), reach_share=reach)
    assert book.energy_wh.tolist() == [500, 700]
    assert book.limit_micro_per_kwh.tolist() == [ask, bid]


def test_the_greedy_stay_where_their_own_limit_lies_beyond() -> None:
    book = bids("aggressive", wishes(500, -700, buy=CHEAPEST - 1, sell=DEAREST + 1), reach_share=1.0)
    assert book.limit_micro_per_kwh.tolist() == [DEAREST + 1, CHEAPEST - 1]


def test_the_expectant_bid_near_the_price_of_the_hour() -> None:
    prices = traded((24, 1000, 200), (48, 3000, 240), (20, 5000, 150))
    book = bids("forecast_based", wishes(500, -700), prices, slack_micro_per_kwh=5)
    assert book.limit_micro_per_kwh.tolist() == [230 - 5, 230 + LOCAL + 5]
    assert book.energy_wh.tolist() == [500, 700]


def test_the_expectant_never_bid_worse_than_their_own_limit() -> None:
    book = bids("forecast_based", wishes(500, -700, buy=210, sell=230), traded((24, 10, 220)), slack_micro_per_kwh=0)
    assert book.limit_micro_per_kwh.tolist() == [230, 210]


def test_the_expectant_look_back_so_many_days_and_no_further() -> None:
    prices = traded((24 * 2, 10, 200), (24 * 3, 10, 300))
    assert bids("forecast_based", wishes(1), prices, price_days=2, slack_micro_per_kwh=0).limit_micro_per_kwh == [200]
    assert bids("forecast_based", wishes(1), prices, price_days=3, slack_micro_per_kwh=0).limit_micro_per_kwh == [250]


def test_the_expectant_fall_back_on_the_newest_trade_of_another_hour() -> None:
    prices = traded((5, 10, 190), (30, 10, 300))
    assert bids("forecast_based", wishes(1), prices, slack_micro_per_kwh=0).limit_micro_per_kwh.tolist() == [190]


def test_before_the_first_trade_the_expectant_tell_the_truth() -> None:
    for prices in (None, traded()):
        assert bids("forecast_based", wishes(500, -700), prices).limit_micro_per_kwh.tolist() == [120, 350]


def test_large_energies_do_not_wrap_the_expected_price() -> None:
    prices = traded((24, 2**45, 2**31 - 1), (48, 2**45, 2**31 - 1))
    limit = bids("forecast_based", wishes(1), prices, slack_micro_per_kwh=0).limit_micro_per_kwh
    assert limit.tolist() == [2**31 - 1]


def test_quarter_hours_know_their_time_of_day() -> None:
    energy, price = np.zeros((2, 96 * 2), np.int64)
    energy[[50, 51]], price[[50, 51]] = 10, [100, 400]
    strategy = BIDDINGS.make("forecast_based")
    history = PriceHistory(1000, 900, energy, price)
    assert strategy.expected_micro_per_kwh(history, 1000 + 96 + 50) == 100  # type: ignore[attr-defined]
