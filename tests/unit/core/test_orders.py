"""Books of orders: sequence, ids, what is wrong with them, how a mechanism sees them."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.books import NO_FEES, book_of

from commonwatt.core.orders import book_findings, order_ids, trade_ids
from commonwatt.core.tariff import Rates, clearing_book

RATES = Rates(
    retail_micro_per_kwh=300_000,
    feed_in_micro_per_kwh=80_000,
    imbalance_buy_micro_per_kwh=0,
    imbalance_sell_micro_per_kwh=0,
    grid_fee_micro_per_kwh=60_000,
    local_fee_micro_per_kwh=20_000,
    tax_micro_per_kwh=30_000,
    local_tax_micro_per_kwh=10_000,
    balancing_micro_per_kwh=0,
)


def test_ids_follow_from_slot_and_row() -> None:
    assert order_ids(467376, 2) == ["467376-o0", "467376-o1"]
    assert trade_ids(467376, 1) == ["467376-t0"]


@pytest.mark.parametrize(
    ("rows", "members", "where"),
    [
        ([("buy", 5, 1), ("sell", 5, 1)], [0, 0], "orders member anna"),
        ([("buy", 0, 1)], [0], "orders row 0 energy_wh"),
        ([("buy", 2**31, 1)], [0], "orders row 0 energy_wh"),
        ([("buy", 5, 2**31)], [0], "orders row 0 limit_micro_per_kwh"),
        ([("buy", 5, -(2**31))], [0], "orders row 0 limit_micro_per_kwh"),
    ],
)
def test_a_fault_of_a_book_is_named(rows: list[tuple[str, int, int]], members: list[int], where: str) -> None:
    assert [f.where for f in book_findings(book_of(*rows, members=members), ["anna"])] == [where]


def test_a_sequence_used_twice_is_named() -> None:
    book = book_of(("buy", 5, 1), ("buy", 5, 2)).replaced(sequence=np.array([3, 3]))
    assert [f.found for f in book_findings(book, ["anna", "bert"])] == ["3 twice"]


def test_all_faults_are_found_at_once_and_none_in_a_sound_book() -> None:
    assert len(book_findings(book_of(("buy", 0, 1), ("sell", -1, 2**31), members=[0, 0]), ["anna"])) == 4
    sound = book_of(("buy", 5, -1), ("buy", 2**31 - 1, 2**31 - 1), ("sell", 1, 0), members=[0, 0, 1])
    assert book_findings(sound, ["anna", "bert"]) == []


def test_a_buyer_s_limit_loses_local_fees_and_is_capped_at_what_the_grid_costs() -> None:
    book = book_of(("buy", 1, 200_000), ("buy", 1, 390_000), ("buy", 1, 900_000))
    # 300 + 60 + 30 = 390 is what the grid costs all-in; 20 + 10 come on top of a local price.
    assert clearing_book(book, RATES).limit_micro_per_kwh.tolist() == [170_000, 360_000, 360_000]


def test_a_seller_s_limit_is_at_least_the_feed_in_price() -> None:
    book = book_of(("sell", 1, -5), ("sell", 1, 80_000), ("sell", 1, 90_000))
    assert clearing_book(book, RATES).limit_micro_per_kwh.tolist() == [80_000, 80_000, 90_000]


def test_without_fees_and_caps_a_book_is_seen_as_signed() -> None:
    book = book_of(("sell", 1, -5), ("buy", 1, 7))
    assert clearing_book(book, NO_FEES).limit_micro_per_kwh.tolist() == [-5, 7]


def test_local_energy_is_never_dearer_than_the_grid_s() -> None:
    for local_fee in (0, 50_000, 120_000):
        rates = replace(RATES, local_fee_micro_per_kwh=local_fee)
        seen = clearing_book(book_of(("buy", 1, 2**31 - 1)), rates)
        assert int(seen.limit_micro_per_kwh[0]) + local_fee + 10_000 <= 390_000
