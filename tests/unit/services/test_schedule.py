"""The halves in the order of time, what the gate may know, anchors and elections of every period."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import markets
from tests.fakes.markets import FIRST, PAST, FakeFeed

from commonwatt.clearing import CLEARINGS
from commonwatt.core.determinism import merkle_root, stream
from commonwatt.core.encoding import encode
from commonwatt.core.records import Forecasts, Observed
from commonwatt.forecasting import FORECASTINGS
from commonwatt.services.halves import DELIVERY, GATE, DeliveryHalf, GateHalf
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import schedule


def test_at_a_gate_the_slot_before_is_being_delivered_and_the_one_before_that_is_settled() -> None:
    due = list(schedule(markets.market(EX_ANTE), range(FIRST, FIRST + 3)))
    assert due == [
        (FIRST, GATE),
        (FIRST + 1, GATE),
        (FIRST, DELIVERY),
        (FIRST + 2, GATE),
        (FIRST + 1, DELIVERY),
        (FIRST + 2, DELIVERY),
    ]


def test_without_a_gate_there_are_deliveries_only() -> None:
    due = list(schedule(markets.market(EX_POST), range(FIRST, FIRST + 2)))
    assert due == [(FIRST, DELIVERY), (FIRST + 1, DELIVERY)]


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_no_slots_are_no_halves(timing: str) -> None:
    assert list(schedule(markets.market(timing), range(FIRST, FIRST))) == []


@dataclass
class Peeking:
    """Forecasts from whatever it is shown, and keeps what that was."""

    seen: list[tuple[int, int]] = field(default_factory=list)

    def forecast(self, observed: Observed, _slot: int) -> Forecasts:
        history = observed.history
        self.seen.append((observed.slot, history.first_slot + len(history) - 1))
        return Forecasts(history.load_wh[-1], history.pv_wh[-1])


def test_a_forecaster_is_shown_nothing_newer_than_two_slots_ago_at_the_first_gate_too() -> None:
    peeking = Peeking()
    markets.run(markets.market(EX_ANTE, hours=3, forecasting=peeking), 3)
    newest = dict(peeking.seen)
    assert newest == {slot: slot - 2 for slot in range(FIRST, FIRST + 3)}


def changed_from(hour: int, seed: int) -> FakeFeed:
    """The usual feed with another future from an hour on."""
    feed = FakeFeed.made_up(6)
    rows = slice(PAST + hour, None)
    feed.load_wh[rows] = stream(seed, "load").integers(0, 3000, feed.load_wh[rows].shape)
    feed.pv_wh[rows, :2] = stream(seed, "pv").integers(0, 6000, feed.pv_wh[rows, :2].shape)
    return feed


def gates_of(feed: FakeFeed, model: str, design: str) -> list[GateHalf]:
    rules = markets.rules(EX_ANTE, clearing=CLEARINGS.make(design))
    market = markets.market(EX_ANTE, feed=feed, design=rules, forecasting=FORECASTINGS.make(model))
    return [half for half in markets.run(market, 6).halves if isinstance(half, GateHalf)]


@settings(max_examples=12, deadline=None)
@given(
    hour=st.integers(0, 5),
    seed=st.integers(0, 1000),
    model=st.sampled_from(FORECASTINGS.names()),
    design=st.sampled_from(["uniform_price", "two_round_double_auction"]),
)
def test_another_future_changes_no_order_at_the_gate(hour: int, seed: int, model: str, design: str) -> None:
    usual, other = (gates_of(feed, model, design) for feed in (FakeFeed.made_up(6), changed_from(hour - 1, seed)))
    for one, two in zip(usual[: hour + 1], other[: hour + 1], strict=True):
        assert encode(replace(one, calls=())) == encode(replace(two, calls=()))


def test_another_past_does_change_the_orders() -> None:
    usual, other = (
        gates_of(feed, "persistence", "uniform_price") for feed in (FakeFeed.made_up(6), changed_from(1, 5))
    )
    assert encode(usual[2].trading) == encode(other[2].trading)
    assert encode(usual[3].trading) != encode(other[3].trading)


@settings(max_examples=6, deadline=None)
@given(hour=st.integers(1, 5), seed=st.integers(0, 1000))
def test_without_a_gate_orders_know_their_own_slot_and_nothing_after_it(hour: int, seed: int) -> None:
    usual, other = (
        markets.run(markets.market(feed=feed), 6).halves for feed in (FakeFeed.made_up(6), changed_from(hour, seed))
    )
    assert [encode(h) for h in usual[:hour]] == [encode(h) for h in other[:hour]]
    assert encode(usual[hour]) != encode(other[hour])


def test_plans_roll_the_battery_over_the_slot_that_is_being_delivered() -> None:
    feed = FakeFeed.made_up(8)
    feed.load_wh[:], feed.pv_wh[:] = 100, 0
    feed.pv_wh[:, 0] = 1100
    ran = markets.run(markets.market(EX_ANTE, feed=feed), 8)
    planned = {half.slot: half.plans for half in ran.halves if isinstance(half, GateHalf)}
    charged = []
    for half in ran.halves:
        if isinstance(half, DeliveryHalf):
            # The weather does not change, so the plan must be what happens, while the battery fills up and after it is full.
            assert planned[half.slot].net_wh.tolist() == half.flows.net_wh.tolist()
            charged.append(int(half.flows.charge_wh[0]))
            assert int(planned[half.slot].storage_wh[0]) == -charged[-1]
    assert charged[0] == 1000
    assert 0 < charged[3] < 1000
    assert charged[-1] == 0


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_every_period_ends_with_an_election_and_the_root_of_what_was_posted_in_it(timing: str) -> None:
    rules = markets.rules(timing, audit_period_s=4 * 3600)
    market = markets.market(timing, design=rules, hours=10)
    ran = markets.run(market, 10)
    leaves: list[bytes] = []
    roots = []
    for receipt in market.ledger.receipts():
        content = bytes.fromhex(receipt.content_hash[2:])
        if receipt.kind == "anchor":
            roots.append((receipt.slot, content))
            assert content == merkle_root(leaves)
            leaves.clear()
        elif receipt.kind != "genesis":
            leaves.append(content)
    period = FIRST // 4
    assert [number for number, _ in roots] == [period, period + 1]
    elections = [(h.slot, h.election) for h in ran.halves if isinstance(h, DeliveryHalf) and h.election]
    assert [(slot, e.epoch, e.validators) for slot, e in elections if e] == [
        (FIRST + 3, period + 1, ("alpha", "beta")),
        (FIRST + 7, period + 2, ("alpha", "beta")),
    ]


def test_history_cannot_be_written() -> None:
    @dataclass
    class Writing:
        def forecast(self, observed: Observed, _slot: int) -> Forecasts:
            observed.history.load_wh[0] = 0
            return Forecasts.of(len(markets.MEMBERS))

    ran = markets.run(markets.market(EX_ANTE, hours=1, forecasting=Writing()), 1)
    (row,) = ran.tables["slots"].to_pylist()
    assert row["failed"]
    assert "read-only" in row["reason"]
    assert ran.tables["orders"].num_rows == 0
