"""From wishes to orders."""

import numpy as np

from commonwatt.bidding import BIDDINGS, BiddingContext, Wishes
from commonwatt.core.determinism import stream
from commonwatt.core.orders import Preference, Source
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints

RATES = Rates(300, 80, 300, 80, 90, 30, 20, 10, 80)
CEILING = 300 + 90 + 20


def wishes(net_wh: list[int], buy: int = 350, sell: int = 120) -> Wishes:
    count = len(net_wh)
    return Wishes(
        member=np.arange(count) + 10,
        net_wh=np.array(net_wh, np.int64),
        buy_limit_micro_per_kwh=np.full(count, buy),
        sell_limit_micro_per_kwh=np.full(count, sell),
        source=np.full(count, int(Source.PV)),
        preference=np.full(count, int(Preference.RENEWABLE)),
    )


def drawn(net_wh: int, **limits: int) -> Ints:
    """1000 limits of zero intelligence on one side."""
    context = BiddingContext(1, RATES, stream(5, "bids"))
    book = BIDDINGS.make("zero_intelligence").bid(wishes([net_wh] * 1000, **limits), context)
    return book.limit_micro_per_kwh


def test_truth_is_the_own_limit_and_the_whole_position() -> None:
    book = BIDDINGS.make("truthful").bid(wishes([500, -700, 0]), BiddingContext(1, RATES, stream(5)))
    assert book.member.tolist() == [10, 11]
    assert book.is_sell.tolist() == [True, False]
    assert book.energy_wh.tolist() == [500, 700]
    assert book.limit_micro_per_kwh.tolist() == [120, 350]
    assert book.sequence.tolist() == [0, 1]


def test_a_seller_names_its_source_and_a_buyer_its_preference() -> None:
    book = BIDDINGS.make("truthful").bid(wishes([500, -700]), BiddingContext(1, RATES, stream(5)))
    assert book.source.tolist() == [Source.PV, Source.UNKNOWN]
    assert book.preference.tolist() == [Preference.ANY, Preference.RENEWABLE]


def test_a_random_buyer_bids_anywhere_from_feed_in_to_its_limit() -> None:
    limits = drawn(-700, buy=90)
    assert set(limits.tolist()) == set(range(80, 91))


def test_a_random_seller_asks_anywhere_from_its_limit_to_the_dearest_grid_energy() -> None:
    limits = drawn(500, sell=CEILING - 10)
    assert set(limits.tolist()) == set(range(CEILING - 10, CEILING + 1))


def test_random_limits_are_spread_evenly() -> None:
    limits = drawn(-700, buy=350)
    assert abs(float(limits.mean()) - (80 + 350) / 2) < 10
    assert abs(float(np.quantile(limits, 0.25)) - (80 + 270 / 4)) < 15


def test_where_there_is_no_room_the_limit_itself_stands() -> None:
    assert set(drawn(-700, buy=50).tolist()) == {50}
    assert set(drawn(-700, buy=-20).tolist()) == {-20}
    assert set(drawn(500, sell=CEILING + 5).tolist()) == {CEILING + 5}
