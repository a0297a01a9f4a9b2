"""Rule `delivered`: trades shrink to what both meters show."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.settlement_slots import Deal, agreement, bill, book, context, lines, readings

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.settlement.delivered import Delivered

PRICE = 200_000
RULE = Delivered(penalty_gamma_micro_per_kwh=20_000)
ONE_SELLER = book((0, "sell", 1000), (1, "buy", 600), (2, "buy", 400))
TO_TWO = agreement(ONE_SELLER, (0, 1, 600, PRICE, PRICE), (0, 2, 400, PRICE, PRICE))


@pytest.mark.parametrize(
    ("registers", "expected"),
    [
        pytest.param(((1000, 0), (0, 600), (0, 400)), [600, 400], id="all"),
        pytest.param(((500, 0), (0, 900), (0, 900)), [300, 200], id="pro-rata"),
        pytest.param(((500, 0), (0, 900), (0, 50)), [450, 50], id="what-one-buyer-leaves-goes-to-the-other"),
        pytest.param(((500, 0), (0, 0), (0, 0)), [0, 0], id="nobody-home"),
        pytest.param(((0, 30), (0, 600), (0, 400)), [0, 0], id="no-sun"),
        pytest.param(((1, 0), (0, 600), (0, 400)), [1, 0], id="the-last-watt-hour-to-the-larger-remainder"),
    ],
)
def test_a_trade_is_delivered_as_far_as_both_meters_go(
    registers: tuple[tuple[int, int], ...], expected: list[int]
) -> None:
    statement = RULE.settle(ONE_SELLER, TO_TWO, readings(*registers), context(3))

    assert statement.delivered_wh.tolist() == expected


def test_overlapping_trades_share_what_each_side_has_left_in_rounds() -> None:
    orders = book((0, "sell", 300), (1, "sell", 300), (2, "buy", 300), (3, "buy", 300))
    traded = agreement(
        orders,
        (0, 2, 200, PRICE, PRICE),
        (0, 3, 100, PRICE, PRICE),
        (1, 2, 100, PRICE, PRICE),
        (1, 3, 200, PRICE, PRICE),
    )
    statement = RULE.settle(orders, traded, readings((150, 0), (300, 0), (0, 300), (0, 90)), context(4))

    # Round 1: seller 0 shares 150 as 100, 50; buyer 3 shares 90 as 30, 60: moved 100, 30, 100, 60.
    # Round 2: seller 0's last 20 go to buyer 2, who has 100 left.
    assert statement.delivered_wh.tolist() == [120, 30, 100, 60]


@pytest.mark.parametrize(
    ("deals", "exported", "imported", "expected"),
    [
        # After round 1 (1, 1, 1) seller and buyer have 1 Wh each, meant for different trades: no round moves it.
        pytest.param(
            ((0, 1, 5, 0, 0), (0, -1, 6, 0, 0), (-1, 1, 4, 0, 0)), (3, 0), (0, 3), [2, 1, 1], id="between-two-members"
        ),
        pytest.param(
            ((-1, 4, 7, 0, 0), (0, 3, 5, 0, 0), (0, -1, 2, 0, 0), (-1, 3, 4, 0, 0)),
            (5, 3, 2, 0, 0),
            (0, 0, 0, 3, 4),
            [2, 3, 2, 0],
            id="through-the-pool",
        ),
        # Round 1 offers 5 Wh as 1.8, 3.2 and wants 4 as 1.45, 2.55: 2, 3 against 1, 3.
        pytest.param(((0, 1, 4, 0, 0), (0, 1, 7, 0, 0)), (5, 0), (0, 4), [1, 3], id="larger-remainder-first"),
        # Nobody takes from the pool: the 2 Wh are shared over the seller's two other trades, 1.4 and 0.6.
        pytest.param(
            ((-1, 1, 4, 0, 0), (0, 3, 7, 0, 0), (0, -1, 4, 0, 0), (0, 3, 3, 0, 0)),
            (2, 0, 0, 0),
            (0, 0, 5, 2),
            [0, 1, 0, 1],
            id="a-pool-without-takers-is-not-open",
        ),
    ],
)
def test_what_rounding_leaves_open_moves_in_order_of_trades(
    deals: tuple[Deal, ...], exported: tuple[int, ...], imported: tuple[int, ...], expected: list[int]
) -> None:
    members = len(exported)
    orders = book(*((m, "sell" if exported[m] else "buy", 100) for m in range(members)))
    statement = RULE.settle(
        orders,
        agreement(orders, *deals),
        readings(*zip(exported, imported, strict=True)),
        context(members),
    )

    assert statement.delivered_wh.tolist() == expected


def test_the_pool_passes_on_what_it_takes_shared_pro_rata() -> None:
    orders = book((0, "sell", 600), (1, "sell", 300), (2, "buy", 900))
    traded = agreement(orders, (0, -1, 600, PRICE, 0), (1, -1, 300, PRICE, 0), (-1, 2, 900, 0, PRICE))
    statement = RULE.settle(orders, traded, readings((600, 0), (300, 0), (0, 450)), context(3))

    assert statement.delivered_wh.tolist() == [300, 150, 450]
    assert bill(statement, 0) == [("peer_sell", 300, PRICE, 60_000_000), ("supplier_sell", 300, 80_000, 24_000_000)]


def test_the_rest_is_supplied_and_fed_in_at_the_tariff_without_imbalance() -> None:
    statement = RULE.settle(ONE_SELLER, TO_TWO, readings((500, 20), (0, 900), (10, 50)), context(3))

    assert bill(statement, 0) == [
        ("peer_sell", 500, PRICE, 100_000_000),
        ("supplier_buy", 20, 300_000, -6_000_000),
        ("grid_fee", 20, 70_000, -1_400_000),
        ("tax", 20, 30_000, -600_000),
        ("penalty", 500, 20_000, -10_000_000),
    ]
    assert bill(statement, 1) == [
        ("peer_buy", 450, PRICE, -90_000_000),
        ("supplier_buy", 450, 300_000, -135_000_000),
        ("grid_fee", 450, 70_000, -31_500_000),
        ("local_fee", 450, 20_000, -9_000_000),
        ("tax", 450, 10_000, -4_500_000),
        ("tax", 450, 30_000, -13_500_000),
    ]
    assert bill(statement, 2)[:2] == [("peer_buy", 50, PRICE, -10_000_000), ("supplier_sell", 10, 80_000, 800_000)]


def test_an_offer_that_was_not_there_pays_into_the_pool_of_rewards() -> None:
    statement = RULE.settle(ONE_SELLER, TO_TWO, readings((400, 0), (0, 600), (0, 400)), context(3))

    assert lines(statement.postings, Kind.PENALTY) == [(8, Account.REWARDS, 12_000_000)]


def test_a_seller_does_not_pay_for_a_buyer_who_stayed_away() -> None:
    statement = RULE.settle(ONE_SELLER, TO_TWO, readings((1000, 0), (0, 0), (0, 400)), context(3))

    assert bill(statement, 0) == [
        ("peer_sell", 400, PRICE, 80_000_000),
        ("supplier_sell", 600, 80_000, 48_000_000),
    ]
    assert bill(statement, 1) == []


def test_the_books_arrays_are_left_as_they_were() -> None:
    metered = readings((500, 0), (0, 900), (0, 50))
    before = np.concatenate([metered.export_wh, metered.import_wh, TO_TWO.trades.energy_wh])
    RULE.settle(ONE_SELLER, TO_TWO, metered, context(3))

    assert np.array_equal(before, np.concatenate([metered.export_wh, metered.import_wh, TO_TWO.trades.energy_wh]))


@pytest.mark.parametrize(
    ("deals", "exported", "imported"),
    [
        pytest.param(
            ((0, 2, 2, 0, 0), (1, 2, 7, 0, 0), (0, 2, 6, 0, 0), (-1, 2, 7, 0, 0), (0, -1, 6, 0, 0), (0, -1, 1, 0, 0)),
            (3, 4, 0),
            (0, 0, 5),
            id="import",
        ),
        pytest.param(
            (
                (0, 3, 4, 0, 0),
                (0, 2, 2, 0, 0),
                (0, 1, 3, 0, 0),
                (0, 3, 2, 0, 0),
                (-1, 3, 1, 0, 0),
                (0, -1, 5, 0, 0),
                (0, 3, 6, 0, 0),
                (-1, 2, 4, 0, 0),
            ),
            (2, 0, 0, 0),
            (0, 2, 0, 3),
            id="export",
        ),
    ],
)
def test_what_one_trade_took_of_a_register_the_next_cannot_take(
    deals: tuple[Deal, ...], exported: tuple[int, ...], imported: tuple[int, ...]
) -> None:
    """After the rounds several trades of one member are open and its last Wh may move once."""
    members = len(exported)
    orders = book(*((m, "sell" if exported[m] else "buy", 100) for m in range(members)))
    metered = readings(*zip(exported, imported, strict=True))
    statement = RULE.settle(orders, agreement(orders, *deals), metered, context(members))

    sold = [sum(w for d, w in zip(deals, statement.delivered_wh, strict=True) if d[0] == m) for m in range(members)]
    bought = [sum(w for d, w in zip(deals, statement.delivered_wh, strict=True) if d[1] == m) for m in range(members)]
    assert all(s <= e for s, e in zip(sold, exported, strict=True))
    assert all(b <= i for b, i in zip(bought, imported, strict=True))
    assert sold[0] == exported[0]


def priced(*limits: int) -> tuple[OrderBook, Agreement]:
    """Two buyers and, first in sequence, one seller of 1000 Wh; the second buyer's order came before the first's."""
    orders = book((0, "sell", 1000), (2, "buy", 400), (1, "buy", 600))
    orders = orders.replaced(limit_micro_per_kwh=np.array([80_000, *limits]))
    return orders, agreement(orders, (0, 2, 600, PRICE, PRICE), (0, 1, 400, PRICE, PRICE))


SCARCE = readings((500, 0), (0, 900), (0, 900))


def test_first_in_first_out_serves_the_earlier_order_whole_whatever_the_order_of_trades() -> None:
    orders, traded = priced(200_000, 300_000)
    statement = Delivered(allocation="first_in_first_out").settle(orders, traded, SCARCE, context(3))

    assert statement.delivered_wh.tolist() == [100, 400]


def test_by_priority_the_highest_bid_is_served_first() -> None:
    orders, traded = priced(200_000, 300_000)
    statement = Delivered(allocation="priority").settle(orders, traded, SCARCE, context(3))

    assert statement.delivered_wh.tolist() == [500, 0]


def test_by_priority_an_earlier_round_comes_before_a_higher_bid() -> None:
    orders, traded = priced(200_000, 300_000)
    rounds = replace(traded, trades=traded.trades.replaced(round=np.array([2, 1])))
    statement = Delivered(allocation="priority").settle(orders, rounds, SCARCE, context(3))

    assert statement.delivered_wh.tolist() == [100, 400]


def test_by_priority_the_cheapest_seller_of_the_pool_is_sold_first() -> None:
    orders = book((0, "sell", 600), (1, "sell", 300), (2, "buy", 500), (3, "buy", 400))
    orders = orders.replaced(limit_micro_per_kwh=np.array([90_000, 80_000, 200_000, 300_000]))
    traded = agreement(
        orders, (0, -1, 600, PRICE, 0), (1, -1, 300, PRICE, 0), (-1, 2, 500, 0, PRICE), (-1, 3, 400, 0, PRICE)
    )
    metered = readings((600, 0), (300, 0), (0, 450), (0, 400))
    moved = {
        name: Delivered(allocation=name).settle(orders, traded, metered, context(4)).delivered_wh.tolist()
        for name in ("first_in_first_out", "priority")
    }

    assert moved == {"first_in_first_out": [600, 250, 450, 400], "priority": [550, 300, 450, 400]}
    scarce = readings((100, 0), (300, 0), (0, 450), (0, 400))
    bids = Delivered(allocation="priority").settle(orders, traded, scarce, context(4)).delivered_wh.tolist()
    assert bids == [100, 300, 0, 400]
