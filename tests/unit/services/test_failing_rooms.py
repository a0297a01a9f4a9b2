"""A room that fails costs its slot the trades, nothing more; broken books stop the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.core.errors import ConservationBroken, VerificationFailed
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Readings, Statement, Verdict
from commonwatt.services.audit import CHECKS
from commonwatt.services.market import Market
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.settlement import SettlementContext

HOUR, HOURS = 3, 6
BAD = FIRST + HOUR


class Spoilt:
    """An answer that does something else when `when` says so of a call."""

    def __init__(self, answer: Any, method: str, when: Callable[..., bool], instead: Callable[..., Any]) -> None:
        self._answer, self._method, self._when, self._instead = answer, method, when, instead

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._answer, name)
        if name != self._method:
            return value
        return lambda *args: self._instead(value, *args) if self._when(*args) else value(*args)


class OutOfTune(Exception):  # noqa: N818 - a plug-in's own error, of no family
    """What a plug-in raises."""


def raising(_: Any, *args: Any) -> Any:
    raise RuntimeError("the wheel came off")


def in_bad_slot(*args: Any) -> bool:
    return any(getattr(arg, "slot", arg if isinstance(arg, int) else None) == BAD for arg in args)


def on_call(number: int) -> Callable[..., bool]:
    calls = iter(range(1_000_000))
    return lambda *_: next(calls) == number


def overfilled(clear: Any, *args: Any) -> Agreement:
    agreed: Agreement = clear(*args)
    return replace(agreed, trades=agreed.trades.replaced(energy_wh=agreed.trades.energy_wh + 1))


def lopsided(_: Any, *args: Any) -> GridVerdict:
    """Cuts a Wh of every trade, which is allowed; twice what there is of the first, which is not."""
    return GridVerdict(Verdict.CURTAILED, curtailed_wh=((0, -5),))


def infeasible(_: Any, *args: Any) -> GridVerdict:
    return GridVerdict(Verdict.INFEASIBLE, reason="the transformer is too small")


def spoilt(timing: str, room: str) -> Market:
    """The street with one room that fails in one slot."""
    usual = markets.market(timing, hours=HOURS)
    rules = usual.rules
    in_rules: dict[str, Callable[[], Any]] = {
        "clearing": lambda: Spoilt(rules.clearing, "clear", in_bad_slot, raising),
        "overfilling": lambda: Spoilt(rules.clearing, "clear", in_bad_slot, overfilled),
        "venue": lambda: Spoilt(rules.venue, "meet", in_bad_slot, raising),
        "venue's events": lambda: Spoilt(rules.venue, "simulate", in_bad_slot, raising),
        "settlement": lambda: Spoilt(
            rules.settlement, "settle", lambda *of: of[3].slot == BAD and len(of[1].trades) > 0, raising
        ),
        "grid": lambda: Spoilt(rules.grid, "check", in_bad_slot, raising),
        "grid infeasible": lambda: Spoilt(rules.grid, "check", in_bad_slot, infeasible),
        "grid adding": lambda: Spoilt(rules.grid, "check", in_bad_slot, lopsided),
    }
    if room in in_rules:
        name = {"overfilling": "clearing", "venue's events": "venue"}.get(room, room.split()[0])
        return replace(usual, rules=replace(rules, **{name: in_rules[room]()}))
    in_market: dict[str, Callable[[], Any]] = {
        "forecasting": lambda: Spoilt(usual.forecasting, "forecast", lambda observed, _: observed.slot == BAD, raising),
        "trust": lambda: Spoilt(usual.trust, "update", in_bad_slot, raising),
        "bidding": lambda: {
            name: Spoilt(answer, "bid", in_bad_slot, raising) for name, answer in usual.bidding.items()
        },
        "assets": lambda: (*usual.assets[:2], Spoilt(usual.assets[2], "plan", on_call(2 * HOUR), raising)),
    }
    return replace(usual, **{room: in_market[room]()})


BOTH = ("clearing", "overfilling", "venue", "venue's events", "settlement", "grid", "trust", "bidding")
CASES = [(EX_ANTE, room) for room in (*BOTH, "forecasting", "grid infeasible", "grid adding", "assets")]
CASES += [(EX_POST, room) for room in BOTH]


@pytest.fixture(scope="module")
def usual() -> dict[str, Ran]:
    return {timing: markets.run(markets.market(timing, hours=HOURS), HOURS) for timing in (EX_ANTE, EX_POST)}


@pytest.mark.parametrize(("timing", "room"), CASES)
def test_a_room_that_fails_costs_its_slot_the_trades_and_nothing_more(
    timing: str, room: str, usual: dict[str, Ran]
) -> None:
    ran = markets.run(spoilt(timing, room), HOURS)
    tables = ran.tables
    (failed,) = rows(tables["slots"], failed=True)
    assert failed["slot"] == BAD
    assert failed["reason"]
    if room in (
        "clearing",
        "venue",
        "venue's events",
        "settlement",
        "grid",
        "trust",
        "bidding",
        "forecasting",
        "assets",
    ):
        assert failed["reason"] == "RuntimeError: the wheel came off"
    # Its trades are void, its energy is the supplier's.
    assert {row["reason"] for row in rows(tables["orders"], slot=BAD)} <= {"slot_failed"}
    assert all(row["delivered_wh"] == 0 == row["buy_amount_nano"] for row in rows(tables["trades"], slot=BAD))
    legs = {row["leg"] for row in rows(tables["statements"], slot=BAD)}
    assert not legs & {"peer_sell", "peer_buy", "local_fee", "imbalance_short"}
    assert {"supplier_buy", "supplier_sell"} <= legs
    # The others go on as if nothing had been.
    kept, before = (
        [row for row in table["trades"].to_pylist() if row["slot"] != BAD] for table in (tables, usual[timing].tables)
    )
    assert kept == before
    assert {row["slot"] for row in kept} >= {BAD - 1, BAD + 1}


@pytest.mark.parametrize(("timing", "room"), CASES)
def test_a_run_with_a_failed_slot_passes_its_audit(timing: str, room: str) -> None:
    ran = markets.run(spoilt(timing, room), HOURS)
    honest = markets.rules(timing, grid=ran.market.rules.grid)
    audited = replace(ran.audited(), rules=honest)
    findings = [finding for check in CHECKS for finding in check(audited).findings]
    assert findings == []


def untuned(answer: Any, method: str, when: Callable[..., bool]) -> Any:
    def fails(_: Any, *args: Any) -> Any:
        raise OutOfTune("no pitch")

    return Spoilt(answer, method, when, fails)


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
@pytest.mark.parametrize("room", ["assets", "metering", "validators", "clearing"])
def test_an_error_that_only_a_plug_in_knows_costs_its_slot_the_trades_and_the_run_goes_on(
    timing: str, room: str
) -> None:
    design = markets.rules(timing, audit_period_s=3600)
    usual = markets.market(timing, hours=HOURS, design=design)
    on_election: Callable[..., bool] = lambda context: context.epoch == BAD + 1  # noqa: E731
    spoilt_one: dict[str, Callable[[], Market]] = {
        "assets": lambda: replace(
            usual,
            assets=(*usual.assets[:2], untuned(usual.assets[2], "dispatch", lambda *of: of[3].slot == BAD)),
        ),
        "metering": lambda: replace(
            usual, rules=replace(design, metering=untuned(design.metering, "read", in_bad_slot))
        ),
        "clearing": lambda: replace(
            usual, rules=replace(design, clearing=untuned(design.clearing, "clear", in_bad_slot))
        ),
        "validators": lambda: replace(usual, validators=untuned(usual.validators, "elect", on_election)),
    }
    ran = markets.run(spoilt_one[room](), HOURS)
    (failed,) = rows(ran.tables["slots"], failed=True)
    assert (failed["slot"], failed["reason"]) == (BAD, "OutOfTune: no pitch")
    legs = {row["leg"] for row in rows(ran.tables["statements"], slot=BAD)}
    assert not legs & {"peer_sell", "peer_buy"}
    quality = {row["quality"] for row in rows(ran.tables["readings"], slot=BAD)}
    assert quality == ({"substituted"} if room == "metering" else {"measured"})
    audited = replace(ran.audited(), rules=design)
    assert [finding for check in CHECKS for finding in check(audited).findings] == []


def test_the_grid_may_cut_trades_at_the_gate() -> None:
    def cut(_: Any, net: Any, book: OrderBook, agreement: Agreement, context: Any) -> GridVerdict:
        return GridVerdict(Verdict.CURTAILED, curtailed_wh=((0, int(agreement.trades.energy_wh[0])), (1, 7)))

    usual = markets.market(EX_ANTE, hours=HOURS)
    spoilt_grid: Any = Spoilt(usual.rules.grid, "check", in_bad_slot, cut)
    market = replace(usual, rules=replace(usual.rules, grid=spoilt_grid))
    whole = rows(markets.run(markets.market(EX_ANTE, hours=HOURS), HOURS).tables["trades"], slot=BAD)
    ran = markets.run(market, HOURS)
    left = rows(ran.tables["trades"], slot=BAD)
    assert [row["energy_wh"] for row in left] == [
        whole[1]["energy_wh"] - 7,
        *(row["energy_wh"] for row in whole[2:]),
    ]
    assert "curtailed" in {row["reason"] for row in rows(ran.tables["orders"], slot=BAD)}
    audited = ran.audited()
    assert [finding for check in CHECKS for finding in check(audited).findings] == []


@dataclass(frozen=True)
class Embezzling:
    """Settles as the usual rule, but for one nano in one slot."""

    honest: Any

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        statement: Statement = self.honest.settle(book, agreement, readings, context)
        if context.slot != BAD:
            return statement
        amount = statement.postings.amount_nano.copy()
        amount[0] += 1
        return replace(statement, postings=statement.postings.replaced(amount_nano=amount))


@dataclass(frozen=True)
class Complaining:
    """A rule that finds its own books broken, or cannot settle at all."""

    honest: Any
    error: Exception

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        if context.slot == BAD:
            raise self.error
        statement: Statement = self.honest.settle(book, agreement, readings, context)
        return statement


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
@pytest.mark.parametrize("kind", ["a nano too much", "says so itself"])
def test_books_that_do_not_balance_stop_the_run_which_can_be_resumed(timing: str, kind: str) -> None:
    honest = markets.rules(timing)
    rule: Any = Embezzling(honest.settlement)
    if kind == "says so itself":
        rule = Complaining(honest.settlement, ConservationBroken("the pool leaks"))
    journal = markets.FakeJournal()
    with pytest.raises(ConservationBroken):
        markets.run(markets.market(timing, hours=HOURS, design=replace(honest, settlement=rule)), HOURS, journal)
    assert {slot for slot, half, _ in journal.written if half == "delivery"} == set(range(FIRST, BAD))
    resumed = markets.run(markets.market(timing, hours=HOURS), HOURS, journal)
    assert resumed.tables == markets.run(markets.market(timing, hours=HOURS), HOURS).tables


def test_a_rule_that_cannot_even_settle_readings_stops_the_run_and_says_why() -> None:
    honest = markets.rules()
    rule: Any = Complaining(honest.settlement, ValueError("no tariff"))
    market = markets.market(hours=HOURS, design=replace(honest, settlement=rule))
    with pytest.raises(VerificationFailed, match=f"slot {BAD}.*no tariff"):
        markets.run(market, HOURS)


def test_what_was_refused_stays_refused_when_the_trades_are_void() -> None:
    market = spoilt(EX_POST, "settlement")
    poor = markets.terms({"eve": 1})
    ran = markets.run(replace(market, terms=poor, ledger=markets.ledger()), HOURS)
    names = {m.id: market.keys.pseudonym(m.id) for m in market.members}
    reasons = {row["member"]: row["reason"] for row in rows(ran.tables["orders"], slot=BAD)}
    assert reasons.pop(names["eve"]) == "balance"
    assert set(reasons.values()) == {"slot_failed"}


def test_a_meter_that_lies_about_its_key_stops_the_run() -> None:
    class Forging:
        def __getattr__(self, name: str) -> Any:
            return getattr(markets.keys(), name)

        def sign_meter(self, member: int, digest: bytes) -> bytes:
            return markets.keys().sign_meter((member + 1) % 5, digest)

    with pytest.raises(VerificationFailed, match="signature"):
        markets.run(markets.market(hours=1, keys=Forging()), 1)


def test_of_what_a_slot_delivered_the_grid_is_asked_once() -> None:
    usual, asked = markets.market(EX_POST, hours=HOURS), list[int]()

    def counted(*args: Any) -> bool:
        asked.append(args[-1].slot)
        return False

    counting: Any = Spoilt(usual.rules.grid, "check", counted, raising)
    markets.run(replace(usual, rules=replace(usual.rules, grid=counting)), HOURS)
    assert asked == list(range(FIRST, FIRST + HOURS))
