"""A bill's plain Python says what the package's columns say: lines, corrections, leaves, tariff, table."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.settlement_worlds import World, worlds
from tests.fakes.small_runs import TOML, write_small_community

from commonwatt.core.determinism import merkle_path, merkle_root, stream
from commonwatt.core.records import LEFT_OUT, Leg, Legs, Quality, Reason
from commonwatt.core.tariff import Rates
from commonwatt.services.billing.bill import LEGS, QUALITIES, Line, OrderProof, Reading, TradeProof, TreePath
from commonwatt.services.billing.leaves import holds, order_leaf, sealed_leaf, trade_leaf, unhex
from commonwatt.services.billing.legs import correction_lines, of_the_way, slot_lines
from commonwatt.services.billing.terms import Terms, terms_of
from commonwatt.settings import load
from commonwatt.settlement import correction
from commonwatt.settlement.delivered import Delivered
from commonwatt.settlement.scheduled import Scheduled
from commonwatt.venues import commitments, order_leaves, trade_leaves
from commonwatt.wiring.bill_checks import _is_reward

NOWHERE = TreePath((), 0)
REFUSED = (Reason.BALANCE, Reason.GATE_SHUT, Reason.SLOT_FAILED)


def test_names_of_lines_and_qualities_are_those_of_the_records() -> None:
    assert [leg.name.lower() for leg in Leg] == list(LEGS)
    assert [quality.name.lower() for quality in Quality] == list(QUALITIES)


def terms_with(rates: Rates, timing: str, rule: Scheduled | Delivered) -> Terms:
    scheduled = rule if isinstance(rule, Scheduled) else Scheduled()
    return Terms(
        community="Street",
        currency="CHF",
        slot_s=3600,
        zone=ZoneInfo("UTC"),
        zone_name="UTC",
        timing=timing,
        rule="scheduled" if isinstance(rule, Scheduled) else "delivered",
        residual=scheduled.residual,
        imbalance=scheduled.imbalance,
        reward_form=scheduled.reward_form,
        reward_beta_micro_per_kwh=scheduled.reward_beta_micro_per_kwh,
        penalty_gamma_micro_per_kwh=rule.penalty_gamma_micro_per_kwh,
        tolerance_ppm=round(scheduled.tolerance_share * 1_000_000),
        error_weight_ppm=scheduled.error_weight_ppm,
        penalty_to=rule.penalty_to if isinstance(rule, Delivered) else "rewards",
        has_caps=False,
        metering="plain",
        chain="embedded",
        path="net",
        rates=lambda _: rates,
    )


def orders_of(world: World, member: int) -> list[OrderProof]:
    book = world.book
    return [
        OrderProof(
            row,
            bool(book.is_sell[row]),
            int(book.energy_wh[row]),
            int(book.limit_micro_per_kwh[row]),
            int(book.source[row]),
            int(book.preference[row]),
            int(world.agreement.reason[row]) in LEFT_OUT,
            "00" * 32,
            NOWHERE,
            NOWHERE,
        )
        for row in np.flatnonzero(book.member == member).tolist()
    ]


def trades_of(world: World, member: int, delivered: np.ndarray) -> list[TradeProof]:
    trades, owner = world.agreement.trades, np.append(world.book.member, -1)
    own = (owner[trades.sell_order] == member) | (owner[trades.buy_order] == member)
    columns = (
        trades.sell_order,
        trades.buy_order,
        trades.energy_wh,
        trades.sell_price_micro_per_kwh,
        trades.buy_price_micro_per_kwh,
        trades.sell_fee_micro_per_kwh,
        trades.buy_fee_micro_per_kwh,
        trades.round,
        delivered,
    )
    return [TradeProof(*(int(c[row]) for c in columns), path=NOWHERE) for row in np.flatnonzero(own).tolist()]  # type: ignore[misc, arg-type]


def lines_of(legs: Legs, member: int) -> list[Line]:
    own = legs.take(np.flatnonzero(legs.member == member))
    rows = zip(own.leg, own.energy_wh, own.price_micro_per_kwh, own.amount_nano, strict=True)
    return [Line(LEGS[leg], int(energy), int(price), int(amount)) for leg, energy, price, amount in rows]


def reading_of(readings: object, member: int) -> Reading:
    import_wh, export_wh = (int(getattr(readings, name)[member]) for name in ("import_wh", "export_wh"))
    return Reading(import_wh, export_wh, "measured", 0, "", "", "", NOWHERE)


RULES: list[tuple[str, Scheduled | Delivered]] = [
    ("ex_post", Scheduled()),
    ("ex_ante", Scheduled()),
    ("ex_ante", Scheduled(residual="gate")),
    ("ex_ante", Scheduled(reward_form="band", tolerance_share=0.3)),
    ("ex_ante", Scheduled(reward_form="none", residual="gate")),
    ("ex_ante", Scheduled(smoothing_share=0.3)),
    ("ex_ante", Scheduled(smoothing_share=0.7, reward_form="band", tolerance_share=0.5)),
    ("ex_ante", Scheduled(imbalance="two_price")),
    ("ex_ante", Scheduled(imbalance="single_price", residual="gate")),
    ("ex_ante", Delivered()),
    ("ex_ante", Delivered(allocation="priority")),
    ("ex_ante", Delivered(penalty_to="buyers")),
    ("ex_ante", Delivered(penalty_to="buyers", allocation="first_in_first_out")),
]


@pytest.mark.parametrize(("timing", "rule"), RULES)
def test_lines_of_every_member_are_those_of_the_settlement(timing: str, rule: Scheduled | Delivered) -> None:
    @settings(max_examples=60, deadline=None)
    @given(world=worlds(timing))
    def holds_for(world: World) -> None:
        # A member has one side in a real book; its worlds keep to that, its trades with itself do not.
        owner = np.append(world.book.member, -1)
        trades = world.agreement.trades
        assert not ((owner[trades.sell_order] == owner[trades.buy_order]) & (trades.sell_order >= 0)).any()
        errors_mwh = stream(world.context.rewards_balance_nano, "errors").integers(0, 3_000_000, world.context.members)
        context = replace(world.context, errors_mwh=errors_mwh)
        statement = rule.settle(world.book, world.agreement, world.readings, context)
        rates = world.context.rates
        terms = terms_with(rates, timing, rule)
        for member in range(world.context.members):
            orders = orders_of(world, member)
            taken = [order for order in orders if world.agreement.reason[order.sequence] not in REFUSED]
            own = trades_of(world, member, statement.delivered_wh)
            legs = statement.legs
            surplus_wh = int(
                legs.energy_wh[legs.leg == Leg.IMBALANCE_LONG].sum()
                - legs.energy_wh[legs.leg == Leg.IMBALANCE_SHORT].sum()
            )
            reading, error_mwh = reading_of(world.readings, member), int(errors_mwh[member])
            expected = slot_lines(terms, rates, reading, taken, own, surplus_wh, error_mwh)
            billed = lines_of(statement.legs, member)
            rewards = [line for line in billed if line.leg == "reward"]
            assert [line for line in billed if line.leg != "reward"] == list(expected.lines)
            fees = [
                trade.sell_fee_micro_per_kwh * trade.delivered_wh
                if owner[trade.sell_order] == member and trade.sell_order >= 0
                else trade.buy_fee_micro_per_kwh * trade.delivered_wh
                for trade in own
            ]
            assert sum(billed[at].amount_nano for at in of_the_way(billed, rates)) == -sum(fees)
            for reward in rewards:
                assert expected.reward is not None
                assert _is_reward(reward, expected.reward, terms)

    holds_for()


@settings(max_examples=100, deadline=None)
@given(world=worlds("ex_ante"), seed=st.integers(0, 2**32))
def test_lines_of_a_correction_are_those_of_the_settlement(world: World, seed: int) -> None:
    statement = Scheduled().settle(world.book, world.agreement, world.readings, world.context)
    late = stream(seed, "late").integers(0, 3000, (2, world.context.members))
    after = world.readings.replaced(export_wh=late[0], import_wh=late[1])
    revised = correction(statement, 1, world.readings, after, world.context)
    for member in range(world.context.members):
        settled = lines_of(statement.legs, member)
        before, new = reading_of(world.readings, member), reading_of(after, member)
        assert list(correction_lines(world.context.rates, settled, before, new)) == lines_of(revised.legs, member)


@settings(max_examples=40, deadline=None)
@given(world=worlds("ex_ante"))
def test_leaves_are_those_of_the_venue_and_paths_lead_to_their_roots(world: World) -> None:
    book, trades = world.book, world.agreement.trades
    nonces = np.arange(32 * len(book), dtype=np.uint8).reshape(len(book), 32)
    sealed, revealed = commitments(book, nonces, 7), order_leaves(book, 7)
    leaves = trade_leaves(trades, 7)
    for member in range(world.context.members):
        for order in orders_of(world, member):
            known = replace(order, nonce=nonces[order.sequence].tobytes().hex())
            assert order_leaf(known, 7, member) == revealed[order.sequence]
            assert sealed_leaf(known, 7, member) == sealed[order.sequence]
        delivered = np.zeros(len(trades), np.int64)
        assert {trade_leaf(trade, 7) for trade in trades_of(world, member, delivered)} <= set(leaves)
    for row, leaf in enumerate(leaves):
        siblings, sides = merkle_path(leaves, row)
        path = TreePath(tuple(s.hex() for s in siblings), sides)
        assert holds(merkle_root(leaves), leaf, path)
        # One place has one path: no side bit may stand beyond the siblings.
        assert not holds(merkle_root(leaves), leaf, replace(path, sides=sides | 1 << len(siblings)))


def test_hex_has_one_form() -> None:
    assert unhex("0a", 1) == b"\n"
    for text in ("0A", " 0a", "0a0a", "", "0x0a", "zz"):
        with pytest.raises(ValueError):
            unhex(text, 1)


WINDOWS = """
[[tariff.windows]]
days = "weekdays"
from = "17:00"
to = "21:00"
retail_micro_per_kwh = 410_000
local_tax_micro_per_kwh = 9_000
[[tariff.windows]]
days = ["sat"]
from = "22:00"
to = "06:00"
imbalance_buy_micro_per_kwh = 500_000
feed_in_micro_per_kwh = 20_000
[data]"""


def test_rates_of_a_bill_are_those_of_the_run_across_windows_and_changes_of_the_clock(tmp_path: Path) -> None:
    community = write_small_community(tmp_path / "street", toml=TOML.replace("\n[data]", WINDOWS))
    known = load(community)
    terms = terms_of(known.effective_toml())
    first = int(dt.datetime(2024, 3, 29, tzinfo=dt.UTC).timestamp()) // 3600
    kinds = set()
    for slot in range(first, first + 24 * 8):
        assert terms.rates(slot) == known.rates(slot)
        kinds.add(known.rates(slot))
    assert len(kinds) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "after a key"),
        ("[tariff]", "community slot_s: expected int, found None"),
        ("tariff = 1", "tariff: expected dict"),
        ("tariff = {}\n[community]\nslot_s = 7", "a divisor of 3600, found 7"),
        ("a = " + "[" * 5000, "too deep a nesting"),
    ],
)
def test_settings_that_are_none_are_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        terms_of(text)
