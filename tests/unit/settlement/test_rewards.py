"""Rewards and penalties for forecasts: paid out of a pool that never goes below zero."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, readings, system_balances

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.records import Reason
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.settlement.scheduled import Scheduled

ORDERS = book((0, "sell", 1000), (1, "buy", 1000))
TRADE = agreement(ORDERS, (0, 1, 1000, 200_000, 200_000))
RULE = Scheduled(
    reward_form="proportional",
    reward_beta_micro_per_kwh=10_000,
    penalty_gamma_micro_per_kwh=20_000,
    rewards_fee_share=0.05,
)
BAND = Scheduled(
    reward_form="band",
    reward_beta_micro_per_kwh=10_000,
    penalty_gamma_micro_per_kwh=20_000,
    tolerance_share=0.01,
    rewards_fee_share=0.05,
)
RICH_NANO = 10**12


def rewards(
    rule: Scheduled, export_wh: int, import_wh: int = 0, balance_nano: int = RICH_NANO
) -> list[tuple[str, int, int, int]]:
    statement = rule.settle(
        ORDERS, TRADE, readings((export_wh, import_wh), (0, 1000)), context(2, rewards_balance_nano=balance_nano)
    )
    return [leg for leg in bill(statement, 0) if leg[0] in {"reward", "penalty"}]


@pytest.mark.parametrize(
    ("export_wh", "import_wh", "expected"),
    [
        pytest.param(1000, 0, [("reward", 1000, 10_000, 10_000_000)], id="exact"),
        pytest.param(
            900, 0, [("reward", 900, 10_000, 9_000_000), ("penalty", 100, 20_000, -2_000_000)], id="a-tenth-less"
        ),
        pytest.param(
            1100, 0, [("reward", 900, 10_000, 9_000_000), ("penalty", 100, 20_000, -2_000_000)], id="a-tenth-more"
        ),
        pytest.param(0, 0, [("penalty", 1000, 20_000, -20_000_000)], id="nothing-delivered-pays-in-full"),
        pytest.param(0, 500, [("penalty", 1500, 20_000, -30_000_000)], id="the-wrong-way"),
    ],
)
def test_proportional_rewards_fall_and_penalties_grow_with_the_deviation(
    export_wh: int, import_wh: int, expected: list[tuple[str, int, int, int]]
) -> None:
    assert rewards(RULE, export_wh, import_wh) == expected


@pytest.mark.parametrize(
    ("export_wh", "expected"),
    [
        (1010, [("reward", 1000, 10_000, 10_000_000)]),
        (990, [("reward", 990, 10_000, 9_900_000)]),
        (989, [("penalty", 11, 20_000, -220_000)]),
        (1011, [("penalty", 11, 20_000, -220_000)]),
    ],
)
def test_within_the_band_a_forecast_is_honest(export_wh: int, expected: list[tuple[str, int, int, int]]) -> None:
    assert rewards(BAND, export_wh) == expected


def test_an_honest_offer_that_found_no_buyer_is_still_honest() -> None:
    statement = RULE.settle(
        ORDERS, agreement(ORDERS), readings((1000, 0), (0, 1000)), context(2, rewards_balance_nano=RICH_NANO)
    )

    assert bill(statement, 0)[-1] == ("reward", 1000, 10_000, 10_000_000)


def test_rewards_shrink_to_what_fees_and_penalties_brought_in() -> None:
    statement = RULE.settle(ORDERS, TRADE, readings((900, 0), (0, 1000)), context(2))

    # Fees 20 000 000 (local) + 7 000 000 (short), of which 5 % = 1 350 000; penalty 100 Wh x 20 000 = 2 000 000.
    assert lines(statement.postings, Kind.PENALTY) == [(8, Account.REWARDS, 2_000_000)]
    assert (Account.GRID, Account.REWARDS, 1_350_000) in lines(statement.postings, Kind.FEE)
    # 3 350 000 over wishes of 9 : 10, the last nano to the larger remainder.
    assert lines(statement.postings, Kind.REWARD) == [(Account.REWARDS, 8, 1_586_842), (Account.REWARDS, 9, 1_763_158)]
    assert system_balances(statement, 2)[Account.REWARDS] == 0
    assert bill(statement, 0)[-2:] == [("reward", 900, 10_000, 1_586_842), ("penalty", 100, 20_000, -2_000_000)]


def test_what_the_pool_holds_from_before_is_paid_out_and_no_more() -> None:
    silent = Scheduled(
        reward_form="band", reward_beta_micro_per_kwh=10_000, penalty_gamma_micro_per_kwh=0, rewards_fee_share=0.0
    )
    exact = readings((1000, 0), (0, 1000))
    for balance, paid in ((0, 0), (7, 7), (10**9, 20_000_000)):
        statement = silent.settle(ORDERS, TRADE, exact, context(2, rewards_balance_nano=balance))
        assert system_balances(statement, 2)[Account.REWARDS] == -paid


def test_who_ordered_nothing_or_was_refused_is_outside_the_scheme() -> None:
    orders = book((0, "sell", 1000))
    refused = agreement(orders, reason=Reason.BALANCE)
    statement = RULE.settle(orders, refused, readings((0, 0), (0, 500)), context(2, rewards_balance_nano=RICH_NANO))

    assert lines(statement.postings, Kind.PENALTY) == []
    assert lines(statement.postings, Kind.REWARD) == []


def test_a_smoothed_error_counts_a_slot_by_its_weight_and_those_before_by_the_rest() -> None:
    rule = replace(RULE, smoothing_share=0.25)
    slot = replace(context(2, rewards_balance_nano=RICH_NANO), errors_mwh=np.array([100_000, 0]))
    statement = rule.settle(ORDERS, TRADE, readings((900, 0), (0, 1000)), slot)

    # A quarter of 100 Wh and three quarters of 100 Wh; the buyer was always exact.
    assert bill(statement, 0)[-2:] == [("reward", 900, 10_000, 9_000_000), ("penalty", 100, 20_000, -2_000_000)]
    assert bill(statement, 1)[-1] == ("reward", 1000, 10_000, 10_000_000)


def test_who_was_exact_once_still_pays_for_what_it_missed_before() -> None:
    rule = replace(RULE, smoothing_share=0.25)
    slot = replace(context(2, rewards_balance_nano=RICH_NANO), errors_mwh=np.array([100_000, 0]))
    statement = rule.settle(ORDERS, TRADE, readings((1000, 0), (0, 1000)), slot)

    assert bill(statement, 0)[-2:] == [("reward", 925, 10_000, 9_250_000), ("penalty", 75, 20_000, -1_500_000)]


def test_the_band_is_held_against_the_smoothed_error() -> None:
    rule = replace(BAND, smoothing_share=0.5)
    exact = readings((1000, 0), (0, 1000))
    for before_mwh, expected in (
        (20_000, ("reward", 1000, 10_000, 10_000_000)),
        (20_002, ("penalty", 10, 20_000, -200_000)),
    ):
        slot = replace(context(2, rewards_balance_nano=RICH_NANO), errors_mwh=np.array([before_mwh, 0]))
        assert bill(rule.settle(ORDERS, TRADE, exact, slot), 0)[-1] == expected


def test_a_penalty_is_never_on_more_than_was_ordered_and_metered_in_its_slot() -> None:
    rule = replace(RULE, smoothing_share=0.1)
    slot = replace(context(2, rewards_balance_nano=RICH_NANO), errors_mwh=np.array([90_000_000, 0]))
    statement = rule.settle(ORDERS, TRADE, readings((700, 0), (0, 1000)), slot)

    assert bill(statement, 0)[-1] == ("penalty", 1700, 20_000, -34_000_000)


def test_without_rewards_nothing_is_remembered() -> None:
    assert replace(RULE, reward_form="none", smoothing_share=0.1).error_weight_ppm == NOT_SMOOTHED
    assert RULE.error_weight_ppm == NOT_SMOOTHED
    assert replace(RULE, smoothing_share=0.1).error_weight_ppm == 100_000
