"""What a member who watches finds in a settlement, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.ledgers import FIRST_SLOT, NO_PRIOR, digest, payment, slot_end_s, trade
from tests.fakes.markets import RATES

from commonwatt.adapters.ledger.batches import lines_of
from commonwatt.adapters.ledger.calls import pack
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings
from commonwatt.services.ports import Batch
from commonwatt.services.watching import GIVER, TAKER, Doubt, Evidence, Wish, doubts

ANN, BOB = 0, 1
A, B = FIRST_MEMBER, FIRST_MEMBER + 1
PRICE = 140_000
FEES = RATES.local_fee_micro_per_kwh + RATES.local_tax_micro_per_kwh
RETAIL, FEED_IN = RATES.retail_micro_per_kwh, RATES.feed_in_micro_per_kwh
MOST = RATES.charges_micro_per_kwh
SELLS = Evidence(RATES, 0, Wish(True, 700, PRICE), {0: (0, 1000)})
BUYS = Evidence(RATES, 0, Wish(False, 700, PRICE + FEES), {0: (900, 0)})


def batch(*postings: Postings, revision: int = 0) -> Batch:
    count, packed = pack(Postings.joined(postings))
    return Batch(
        slot=FIRST_SLOT,
        kind=0,
        revision=revision,
        part=0,
        parts=1,
        prior=NO_PRIOR,
        content_hash=digest(packed),
        posted_s=slot_end_s(FIRST_SLOT),
        is_void=False,
        energy_lines=count,
        lines=lines_of(packed, count),
        packed=packed,
    )


def honest(sold_wh: int = 700, price: int = PRICE) -> Batch:
    """Ann exports 1000 Wh, of which she sells 700 to Bob, who needs 900."""
    return batch(
        trade(A, B, sold_wh, price),
        trade(A, Account.SUPPLIER, 1000 - sold_wh, FEED_IN),
        trade(Account.SUPPLIER, B, 900 - sold_wh, RETAIL),
        trade(Account.GRID, B, sold_wh, RATES.local_fee_micro_per_kwh),
        trade(Account.GRID, B, 900 - sold_wh, RATES.grid_fee_micro_per_kwh),
    )


def lines(found: list[Doubt]) -> list[tuple[int, int]]:
    return [(doubt.line, doubt.side) for doubt in found]


def test_nothing_is_doubted_in_an_honest_batch() -> None:
    assert doubts(ANN, [honest()], SELLS) == []
    assert doubts(BOB, [honest()], BUYS) == []


def test_a_price_beyond_the_limit_is_doubted_by_the_side_it_harms() -> None:
    assert lines(doubts(ANN, [honest(price=PRICE - 1)], SELLS)) == [(0, GIVER)]
    assert doubts(BOB, [honest(price=PRICE - 1)], BUYS) == []
    assert lines(doubts(BOB, [honest(price=PRICE + 1)], BUYS)) == [(0, TAKER)]
    assert doubts(ANN, [honest(price=PRICE + 1)], SELLS) == []


def test_fees_count_against_a_buyers_limit() -> None:
    assert lines(doubts(BOB, [honest()], replace(BUYS, wish=Wish(False, 700, PRICE + FEES - 1)))) == [(0, TAKER)]


@pytest.mark.parametrize("wish", [None, Wish(False, 700, 10**6)])
def test_a_sale_without_a_sell_order_is_doubted(wish: Wish | None) -> None:
    found = doubts(ANN, [honest()], replace(SELLS, wish=wish))
    assert lines(found) == [(0, GIVER)]
    assert "without one" in str(found[0])


def test_more_than_was_offered_is_doubted_at_the_line_that_exceeds_it() -> None:
    split = batch(trade(A, B, 400, PRICE), trade(A, B, 301, PRICE), trade(A, Account.SUPPLIER, 299, FEED_IN))
    (found,) = doubts(ANN, [split], SELLS)
    assert (found.line, found.expected, found.found) == (1, "at most 700 Wh filled", "701 Wh")


def test_what_overfills_an_order_only_in_sum_names_the_lines_to_demand_with_it() -> None:
    bought = batch(trade(A, B, 400, PRICE), trade(A, B, 400, PRICE), trade(B, Account.SUPPLIER, 100, FEED_IN))
    (doubt,) = doubts(ANN, [bought], replace(SELLS, registers={}))
    assert (doubt.line, doubt.side) == (1, GIVER)
    assert [(line, side) for _, line, side in doubt.together] == [(0, GIVER)]


def test_energy_that_the_meter_did_not_see_is_doubted() -> None:
    (found,) = doubts(ANN, [honest()], replace(SELLS, registers={0: (0, 1001)}))
    assert (found.line, found.side) == (1, GIVER)
    assert (found.expected, found.found) == ("1001 Wh in all, as the meter says", "1000 Wh")


def test_who_was_left_out_doubts_the_batch_itself() -> None:
    without = batch(trade(Account.SUPPLIER, B, 900, RETAIL))
    (found,) = doubts(ANN, [without], SELLS)
    assert found.line == len(without.lines)
    assert found.found == "0 Wh"


def test_a_price_outside_the_tariff_is_doubted() -> None:
    dear = batch(trade(Account.SUPPLIER, B, 900, RETAIL + 1), trade(Account.GRID, B, 900, 3))
    assert lines(doubts(BOB, [dear], BUYS)) == [(0, TAKER), (1, TAKER)]


def test_charges_beyond_what_the_energy_can_cost_are_doubted() -> None:
    most = 900 * MOST
    fair = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.STATE, most))
    assert doubts(BOB, [fair], BUYS) == []
    unfair = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.STATE, most + 1))
    assert lines(doubts(BOB, [unfair], BUYS)) == [(1, TAKER)]


def test_a_penalty_is_allowed_on_what_was_ordered_and_taken() -> None:
    evidence = replace(BUYS, penalty_most_micro_per_kwh=10)
    for paid, wrong in ((1600 * 10, []), (1600 * 10 + 1, [(1, TAKER)])):
        fined = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.REWARDS, paid))
        assert lines(doubts(BOB, [fined], evidence)) == wrong


def test_corrections_are_held_against_the_newest_reading_with_all_before_them() -> None:
    corrected = batch(trade(A, Account.SUPPLIER, 50, FEED_IN), revision=1)
    evidence = replace(SELLS, registers={0: (0, 1000), 1: (0, 1050)})
    assert doubts(ANN, [corrected, honest()], evidence) == []
    (found,) = doubts(ANN, [corrected, honest()], replace(SELLS, registers={0: (0, 1000), 1: (0, 1040)}))
    assert (found.batch.revision, found.line) == (1, 0)


def test_a_silent_meter_says_nothing_against_a_substitute() -> None:
    assert doubts(ANN, [honest()], replace(SELLS, registers={})) == []


def test_a_correction_of_others_is_no_matter_of_a_member() -> None:
    others = batch(trade(Account.SUPPLIER, B, 50, RETAIL), revision=1)
    assert doubts(ANN, [honest(), others], SELLS) == []


def test_a_price_of_the_other_direction_is_doubted_unless_the_rule_has_a_single_price() -> None:
    single = replace(BUYS, imbalance="single_price")
    short = batch(
        trade(A, B, 700, PRICE),
        trade(A, Account.SUPPLIER, 300, RATES.imbalance_buy_micro_per_kwh),
        trade(Account.SUPPLIER, B, 200, RATES.imbalance_sell_micro_per_kwh),
    )

    assert [doubts(BOB, [short], evidence) == [] for evidence in (BUYS, single)] == [False, True]
    assert doubts(ANN, [short], SELLS)
    assert doubts(ANN, [short], replace(SELLS, imbalance="single_price")) == []


def test_levies_of_the_tariff_and_a_fee_given_back_are_not_doubted() -> None:
    tariff = replace(RATES, levy_micro_per_kwh=7_000, local_levy_micro_per_kwh=3_000, local_relief_micro_per_kwh=4_000)
    charged = batch(
        trade(A, B, 700, PRICE),
        trade(Account.SUPPLIER, B, 200, RETAIL),
        trade(Account.STATE, B, 700, 3_000),
        trade(Account.STATE, B, 200, 7_000),
        trade(B, Account.GRID, 700, 4_000),
    )

    assert doubts(BOB, [charged], replace(BUYS, rates=tariff)) == []
    assert doubts(BOB, [charged], BUYS)


WAY = 12_345
FAR_SELLS = replace(SELLS, way_fees=frozenset({WAY, 2 * WAY}), wish=Wish(True, 700, PRICE - WAY))
FAR_BUYS = replace(BUYS, way_fees=frozenset({WAY}), wish=Wish(False, 700, PRICE + FEES + WAY))


def with_ways(fee: int = WAY, energy_wh: int = 700) -> Batch:
    """The honest batch, and both sides pay for their way."""
    ways = [trade(Account.GRID, account, energy_wh, fee) for account in (A, B)]
    return batch(
        trade(A, B, 700, PRICE),
        trade(A, Account.SUPPLIER, 300, FEED_IN),
        trade(Account.SUPPLIER, B, 200, RETAIL),
        *ways,
    )


def test_fees_of_the_way_are_known_to_who_lives_there() -> None:
    assert doubts(ANN, [with_ways()], FAR_SELLS) == []
    assert doubts(BOB, [with_ways()], FAR_BUYS) == []
    (found,) = doubts(ANN, [with_ways()], SELLS)
    assert (found.line, "a price of the tariff (" in found.expected) == (3, True)
    (found,) = doubts(ANN, [with_ways(fee=WAY + 1)], FAR_SELLS)
    assert (found.line, found.found) == (3, str(WAY + 1))
    assert "the tariff or the way" in found.expected


def test_fees_of_the_way_count_against_the_limits_of_both_sides() -> None:
    assert lines(doubts(ANN, [with_ways()], replace(FAR_SELLS, wish=Wish(True, 700, PRICE - WAY + 1)))) == [(3, TAKER)]
    assert lines(doubts(ANN, [with_ways(fee=2 * WAY)], FAR_SELLS)) == [(3, TAKER)]
    tight = replace(FAR_BUYS, wish=Wish(False, 700, PRICE + FEES + WAY - 1))
    assert lines(doubts(BOB, [with_ways()], tight)) == [(4, TAKER)]


def test_fees_of_the_way_are_on_no_more_than_was_traded() -> None:
    (found,) = doubts(ANN, [with_ways(energy_wh=701)], FAR_SELLS)
    assert (found.line, found.found) == (3, "701 Wh")


def test_fees_of_the_way_count_among_the_charges_that_can_be_due() -> None:
    most = 900 * (MOST + WAY)
    for paid, wrong in ((most, []), (most + 1, [(1, TAKER)])):
        fined = batch(trade(Account.SUPPLIER, B, 900, RETAIL), payment(B, Account.STATE, paid))
        assert lines(doubts(BOB, [fined], FAR_BUYS)) == wrong
