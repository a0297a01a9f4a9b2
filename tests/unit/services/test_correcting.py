"""Late readings settle between a member and its supplier when nothing can void their base any more."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, WINDOW, FakeFeed, Ran, rows

from commonwatt.core.records import Quality
from commonwatt.services.audit import CHECKS
from commonwatt.services.correcting import waiting_notices
from commonwatt.services.halves import DeliveryHalf
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import trade_days
from commonwatt.services.state import State

BOB, CLEO, EVE = 1, 2, 4
FINAL = 2 * WINDOW - 1
"""The hour whose delivery is the first that may correct the first hours: their window and the next have passed."""


def ran_with(
    hours: int,
    *tells: tuple[int, int, int, int, int],
    timing: str = EX_POST,
    chain: str = "memory",
    silent: bool = True,
) -> Ran:
    """A run in which are told: (in hour, of hour, member, load, pv)."""
    feed = FakeFeed.made_up(hours)
    for at, hour, member, load_wh, pv_wh in tells:
        if silent:
            feed.silence(hour, member)
        feed.tell(at, hour, member, load_wh, pv_wh)
    return markets.run(markets.market(timing, feed=feed, chain=chain), hours)


def corrections(ran: Ran) -> list[tuple[int, int, int, list[int]]]:
    """(in hour, of hour, revision, members) of everything corrected, in order."""
    return [
        (half.slot - FIRST, c.statement.slot - FIRST, c.statement.revision, c.readings.member.tolist())
        for half in ran.halves
        if isinstance(half, DeliveryHalf)
        for c in half.corrections
    ]


def findings(ran: Ran) -> list[Any]:
    audited = ran.audited()
    return [finding for check in CHECKS for finding in check(audited).findings]


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
@pytest.mark.parametrize("chain", ["memory", "embedded"])
def test_a_substitute_is_corrected_as_soon_as_its_settlement_is_final(timing: str, chain: str) -> None:
    ran = ran_with(9, (2, 0, BOB, 900, 200), timing=timing, chain=chain)
    assert corrections(ran) == [(FINAL, 0, 1, [BOB])]
    assert findings(ran) == []


def test_what_arrives_after_the_base_is_final_is_corrected_in_the_next_slot() -> None:
    assert corrections(ran_with(12, (9, 0, BOB, 900, 200))) == [(10, 0, 1, [BOB])]


def test_a_correction_is_posted_as_the_next_revision_and_names_its_base() -> None:
    ran = ran_with(9, (2, 0, BOB, 900, 200))
    settles = rows(ran.tables["receipts"], slot=FIRST, kind="settle")
    assert [(row["revision"], row["status"]) for row in settles] == [(0, 1), (1, 1)]
    revised = rows(ran.tables["readings"], slot=FIRST, revision=1)
    assert [(row["quality"], row["import_wh"], row["export_wh"]) for row in revised] == [("corrected", 700, 0)]


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_a_correction_touches_nobody_else(timing: str) -> None:
    tell = (2, 0, BOB, 900, 200)
    ran, without = ran_with(9, tell, timing=timing), ran_with(9, (10, 0, BOB, 900, 200), timing=timing)
    name = ran.market.keys.pseudonym("bob")
    for table, who in (("statements", "member"), ("readings", "member")):
        others, before = (
            [{**row, "counter": 0, "packet_hash": "", "opening": "", "signature": ""} for row in r.tables[table].to_pylist()]
            for r in (ran, without)
        )  # fmt: skip
        # Forecasts may know better what bob used; what others were billed for slots before the correction may not change.
        until = FIRST + FINAL if timing == EX_ANTE else FIRST + 9
        assert [row for row in others if row[who] != name and row["slot"] < until] == [
            row for row in before if row[who] != name and row["slot"] < until
        ]
    assert {row["member"] for row in rows(ran.tables["statements"], revision=1)} == {name}


def test_the_difference_is_charged_at_the_tariff() -> None:
    feed = FakeFeed.made_up(9)
    feed.silence(0, EVE)
    load = int(feed.load_wh[markets.PAST, EVE])
    feed.tell(2, 0, EVE, load + 100)
    ran = markets.run(markets.market(feed=feed), 9)
    legs = {row["leg"]: row["amount_nano"] for row in rows(ran.tables["statements"], revision=1)}
    assert legs == {
        "correction_short": -100 * 300_000,
        "grid_fee": -100 * 40_000,
        "tax": -100 * 20_000,
    }


def test_two_members_of_one_slot_are_corrected_together() -> None:
    ran = ran_with(9, (2, 0, BOB, 900, 200), (3, 0, EVE, 5, 0), (3, 1, CLEO, 6, 0))
    assert corrections(ran) == [(FINAL, 0, 1, [BOB, EVE]), (FINAL, 1, 1, [CLEO])]
    assert findings(ran) == []


def test_the_newest_of_two_values_is_the_one_that_settles() -> None:
    ran = ran_with(9, (2, 0, EVE, 900, 0), (4, 0, EVE, 950, 0))
    assert corrections(ran) == [(FINAL, 0, 1, [EVE])]
    assert [row["import_wh"] for row in rows(ran.tables["readings"], slot=FIRST, revision=1)] == [950]


@pytest.mark.parametrize("at", [FINAL, FINAL + 1], ids=["in the slot of the first", "after the first"])
def test_a_corrected_slot_can_be_corrected_again_when_that_is_final_too(at: int) -> None:
    ran = ran_with(17, (2, 0, EVE, 900, 0), (at, 0, EVE, 950, 0))
    assert corrections(ran) == [(FINAL, 0, 1, [EVE]), (FINAL + 2 * WINDOW, 0, 2, [EVE])]
    assert [row["import_wh"] for row in rows(ran.tables["readings"], slot=FIRST, revision=2)] == [950]
    (second,) = [r for r in rows(ran.tables["statements"], revision=2) if r["leg"] == "correction_short"]
    assert second["energy_wh"] == 50
    assert findings(ran) == []


def test_a_second_correction_may_be_of_another_member() -> None:
    ran = ran_with(17, (2, 0, EVE, 900, 0), (8, 0, BOB, 900, 200))
    assert corrections(ran) == [(FINAL, 0, 1, [EVE]), (FINAL + 2 * WINDOW, 0, 2, [BOB])]
    assert findings(ran) == []


def test_a_measured_reading_can_be_corrected_too() -> None:
    ran = ran_with(9, (2, 0, EVE, 900, 0), silent=False)
    assert corrections(ran) == [(FINAL, 0, 1, [EVE])]
    qualities = [
        row["quality"] for row in rows(ran.tables["readings"], slot=FIRST, member=ran.market.keys.pseudonym("eve"))
    ]
    assert qualities == ["measured", "corrected"]
    assert findings(ran) == []


def test_a_correction_to_what_was_settled_costs_nothing_and_is_still_on_record() -> None:
    feed = FakeFeed.made_up(9)
    feed.silence(0, EVE)
    feed.tell(2, 0, EVE, int(feed.load_wh[markets.PAST, EVE]))
    ran = markets.run(markets.market(feed=feed), 9)
    assert corrections(ran) == [(FINAL, 0, 1, [EVE])]
    assert rows(ran.tables["statements"], revision=1) == []
    assert findings(ran) == []


def test_counters_of_a_meter_rise_in_the_order_in_which_its_packets_came() -> None:
    ran = ran_with(17, (2, 0, EVE, 900, 0), (3, 1, EVE, 900, 0), (8, 0, EVE, 950, 0))
    counters: list[int] = []
    for half in ran.halves:
        assert isinstance(half, DeliveryHalf)
        for readings in (half.readings, *(c.readings for c in half.corrections)):
            own = readings.take(readings.member == EVE)
            counters += own.counter[own.quality != Quality.SUBSTITUTED].tolist()
    assert len(counters) == 17 - 2 + 3
    assert counters == sorted(set(counters))


def test_the_battery_did_what_it_did_on_the_substitute() -> None:
    ann, feed = 0, FakeFeed.made_up(9)
    feed.silence(0, ann)
    feed.tell(2, 0, ann, 10, 20)
    ran = markets.run(markets.market(feed=feed), 9)
    (flows,) = rows(ran.tables["flows"], slot=FIRST, member=ran.market.keys.pseudonym("ann"))
    (reading,) = rows(ran.tables["readings"], slot=FIRST, revision=1)
    assert reading["export_wh"] - reading["import_wh"] == 20 - 10 + flows["discharge_wh"] - flows["charge_wh"]
    assert findings(ran) == []


def test_a_forecaster_learns_the_corrected_value() -> None:
    ran = ran_with(10, (2, 0, EVE, 901, 0), timing=EX_ANTE)
    state = State.first(ran.market, ran.slots)
    for half in ran.halves:
        if isinstance(half, DeliveryHalf):
            state.after_delivery(half, (half.slot + 1) * 3600, ran.market.feed.arrived(half.slot))
        else:
            state.after_gate(half)
    assert state.history(FIRST + 9).load_wh[markets.PAST, EVE] == 901


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_what_a_run_ends_too_early_to_settle_is_told(timing: str) -> None:
    feed = FakeFeed.made_up(7)
    feed.tell(2, 0, EVE, 1)
    feed.tell(6, 5, BOB, 1)
    market = markets.market(timing, feed=feed)
    progress = trade_days(market, markets.FakeJournal(), range(FIRST, FIRST + 7))
    assert [(late.slot - FIRST, late.member) for late in progress.waiting] == [(0, EVE), (5, BOB)]
    (notice,) = waiting_notices(progress.waiting)
    assert notice.startswith("2 late readings are not settled in this run")
    assert waiting_notices(progress.waiting[:1])[0].startswith("1 late reading is not settled")
    assert waiting_notices(()) == ()


def test_what_is_settled_is_not_told() -> None:
    feed = FakeFeed.made_up(9)
    feed.tell(2, 0, EVE, 1)
    assert trade_days(markets.market(feed=feed), markets.FakeJournal(), range(FIRST, FIRST + 9)).waiting == ()


def test_a_late_reading_of_before_the_run_is_nobodys_bill() -> None:
    feed = FakeFeed.made_up(9)
    feed.tell(2, -3, EVE, 1)
    ran = markets.run(markets.market(feed=feed), 9)
    assert corrections(ran) == []
