"""Which doubts the contract would decide for the member, and which it only bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.ledgers import payment, trade
from tests.fakes.markets import RATES
from tests.unit.services.test_watching import (
    ANN,
    BOB,
    BUYS,
    FEED_IN,
    FEES,
    MOST,
    PRICE,
    RETAIL,
    SELLS,
    A,
    B,
    batch,
    honest,
)

from commonwatt.core.accounts import Account
from commonwatt.services.claims import ClaimTerms
from commonwatt.services.deciding import is_decided
from commonwatt.services.ports import Batch
from commonwatt.services.watching import Evidence, Wish, doubts

TERMS = ClaimTerms(10**7, 900, 14_400, RETAIL, FEED_IN, MOST, 10)
CONNECTION_WS = 3600 * 1000


def decided(member: int, of: list[Batch], evidence: Evidence, terms: ClaimTerms = TERMS) -> list[bool]:
    """For each doubt of a member whether the contract decides it."""
    found = doubts(member, of, evidence)
    assert found
    return [is_decided(doubt, member, of, evidence, terms, CONNECTION_WS) for doubt in found]


def test_a_price_beyond_the_limit_is_decided_and_fees_on_top_of_one_within_are_not() -> None:
    assert decided(ANN, [honest(price=PRICE - 1)], SELLS) == [True]
    assert decided(BOB, [honest()], replace(BUYS, wish=Wish(False, 700, PRICE + FEES - 1))) == [False]
    assert decided(BOB, [honest()], replace(BUYS, wish=Wish(False, 700, PRICE - 1))) == [True]


def test_a_trade_without_an_order_or_beyond_its_energy_is_decided() -> None:
    assert decided(ANN, [honest()], replace(SELLS, wish=None)) == [True]
    assert decided(ANN, [honest()], replace(SELLS, wish=Wish(True, 699, PRICE))) == [True]


def test_energy_that_the_meter_did_not_see_is_decided() -> None:
    assert decided(ANN, [honest()], replace(SELLS, registers={0: (0, 1001)})) == [True]
    assert decided(ANN, [batch(trade(Account.SUPPLIER, B, 900, RETAIL))], SELLS) == [True]


@pytest.mark.parametrize(("price", "wins"), [(RETAIL + 1, True), (RETAIL - 1, False)])
def test_a_price_is_decided_where_no_hour_has_it_so_high(price: int, wins: bool) -> None:
    assert decided(BOB, [batch(trade(Account.SUPPLIER, B, 900, price))], BUYS) == [wins]


@pytest.mark.parametrize(("price", "wins"), [(FEED_IN - 1, True), (FEED_IN + 1, False)])
def test_a_price_is_decided_where_no_hour_has_it_so_low(price: int, wins: bool) -> None:
    assert decided(ANN, [batch(trade(A, Account.SUPPLIER, 1000, price))], SELLS) == [wins]


@pytest.mark.parametrize(("bound", "wins"), [(MOST, True), (2 * MOST, False)])
def test_fees_are_decided_beyond_those_of_the_dearest_hour(bound: int, wins: bool) -> None:
    dear = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.STATE, 900 * MOST + 1))
    assert decided(BOB, [dear], BUYS, replace(TERMS, fee_most_micro_per_kwh=bound)) == [wins]


@pytest.mark.parametrize(("paid", "wins"), [(2 * 1000 * 10 + 1, True), (2 * 1000 * 10, False)])
def test_penalties_are_decided_beyond_what_a_connection_can_miss(paid: int, wins: bool) -> None:
    fined = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.REWARDS, paid))
    assert decided(BOB, [fined], BUYS) == [wins]
    assert RATES.charges_micro_per_kwh == MOST
