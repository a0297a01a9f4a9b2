"""Fees of the way in a statement: what both sides pay the grid for it, beside the tariff's local fee."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.books import book_of
from tests.fakes.markets import RATES

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, balances_nano
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Leg, Quality, Readings, Statement, Trades, with_filled
from commonwatt.settlement import SettlementContext, statement_findings
from commonwatt.settlement.delivered import Delivered
from commonwatt.settlement.scheduled import Scheduled

# Ann sells 900 Wh: 500 to Bob, 400 to Cem; the sides pay for other parts of the way.
BOOK = book_of(("sell", 900, 50_000), ("buy", 500, 300_000), ("buy", 400, 300_000))
AGREED = Trades(
    np.array([0, 0]),
    np.array([1, 2]),
    np.array([500, 400]),
    np.array([140_000, 140_000]),
    np.array([140_000, 140_000]),
    np.ones(2, np.int8),
    np.array([3_000, 8_000]),
    np.array([0, 5_000]),
)


def readings(export_wh: int = 900) -> Readings:
    return Readings.of(
        3,
        member=np.arange(3),
        export_wh=np.array([export_wh, 0, 0]),
        import_wh=np.array([0, 500, 400]),
        quality=int(Quality.MEASURED),
    )


def settled(
    rule: Scheduled | Delivered, export_wh: int = 900, timing: str = "ex_ante", trades: Trades = AGREED
) -> tuple[Statement, Agreement, SettlementContext, OrderBook]:
    context = SettlementContext(7, 3, RATES, timing, 0)
    agreement = with_filled(BOOK, trades, np.zeros(3, np.int64))
    statement = rule.settle(BOOK, agreement, readings(export_wh), context)
    assert not statement_findings(statement, BOOK, agreement, readings(export_wh), context)
    return statement, agreement, context, BOOK


def local_fees(statement: Statement) -> list[tuple[int, int, int]]:
    legs = statement.legs.take(statement.legs.leg == Leg.LOCAL_FEE)
    return list(zip(legs.member.tolist(), legs.energy_wh.tolist(), legs.price_micro_per_kwh.tolist(), strict=True))


@pytest.mark.parametrize("timing", ["ex_post", "ex_ante"])
def test_each_side_pays_its_own_part_of_the_way_beside_the_tariff_s_local_fee(timing: str) -> None:
    own = RATES.local_fee_micro_per_kwh
    statement = settled(Scheduled(reward_form="none"), timing=timing)[0]
    assert local_fees(statement) == [
        *((0, 500, 3_000), (0, 400, 8_000)),
        (1, 500, own),
        *sorted([(2, 400, own), (2, 400, 5_000)], key=lambda row: row[2]),
    ]
    fees = statement.postings.take(statement.postings.kind == Kind.FEE)
    ways = 500 * 3_000 + 400 * 8_000 + 400 * 5_000
    assert balances_nano(fees, FIRST_MEMBER + 3)[Account.GRID] == ways + 900 * own
    assert balances_nano(statement.postings, FIRST_MEMBER + 3).sum() == 0


def test_where_a_trade_shrinks_its_fees_do() -> None:
    statement = settled(Delivered(allocation="first_in_first_out"), export_wh=600)[0]
    assert statement.delivered_wh.tolist() == [500, 100]
    of_seller = [(energy, price) for member, energy, price in local_fees(statement) if member == 0]
    assert of_seller == [(500, 3_000), (100, 8_000)]
    assert (2, 100, 5_000) in local_fees(statement)


def test_a_fee_of_the_way_is_paid_whatever_the_sign_of_the_price() -> None:
    given = AGREED.replaced(sell_price_micro_per_kwh=np.full(2, -20_000), buy_price_micro_per_kwh=np.full(2, -20_000))
    statement = settled(Scheduled(reward_form="none"), trades=given)[0]
    seller = statement.legs.take(statement.legs.member == 0)
    assert int(seller.amount_nano.sum()) == -900 * 20_000 - 500 * 3_000 - 400 * 8_000


def test_equal_fees_are_one_leg_and_the_tariff_s_own_stays_another() -> None:
    own = RATES.local_fee_micro_per_kwh
    same = AGREED.replaced(sell_fee_micro_per_kwh=np.full(2, own), buy_fee_micro_per_kwh=np.full(2, own))
    fees = local_fees(settled(Scheduled(reward_form="none"), trades=same)[0])
    assert fees == [(0, 900, own), (1, 500, own), (1, 500, own), (2, 400, own), (2, 400, own)]


def test_the_pool_of_rewards_has_no_part_in_the_fees_of_the_way() -> None:
    free = AGREED.replaced(sell_fee_micro_per_kwh=np.zeros(2), buy_fee_micro_per_kwh=np.zeros(2))
    rule = Scheduled(rewards_fee_share=0.5)
    to_pool = [
        int(balances_nano(settled(rule, trades=trades)[0].postings, FIRST_MEMBER + 3)[Account.REWARDS])
        for trades in (free, AGREED)
    ]
    assert to_pool[0] == to_pool[1]


@pytest.mark.parametrize("column", ["sell_fee_micro_per_kwh", "buy_fee_micro_per_kwh"])
def test_a_statement_with_other_fees_than_its_trades_is_a_finding(column: str) -> None:
    statement, agreement, context, book = settled(Scheduled(reward_form="none"))
    dearer = replace(agreement, trades=AGREED.replaced(**{column: np.array([4_000, 9_000])}))
    found = statement_findings(statement, book, dearer, readings(), context)
    assert {fault.where.partition(" of ")[0] for fault in found} == {"statement local_fee nano"}
