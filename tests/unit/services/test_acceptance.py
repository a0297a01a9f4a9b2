"""Which orders a gate accepts: what is covered, by members who owe nothing, while the supplier's deposit holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, PRICE_CAP, RATES, SUPPLIER_NANO, rows

from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.orders import Instructions, Preference
from commonwatt.core.records import Reason
from commonwatt.services.audit import CHECKS
from commonwatt.services.halves import Trading
from commonwatt.services.instructing import standing_instructions
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.trading import trade

ANN, BOB, CLEO, DAN, EVE = range(5)
EXPOSURE_NANO = sum(m.connection_w for m in markets.MEMBERS) * PRICE_CAP
DAN_COST = 1000 * markets.MEMBERS[DAN].buy_limit_micro_per_kwh


def balances(free: dict[int, int] | None = None, pending: dict[int, int] | None = None) -> Balances:
    """Everybody is rich but for these members."""
    free_nano = np.full(FIRST_MEMBER + 5, markets.RICH_NANO)
    free_nano[Account.SUPPLIER] = SUPPLIER_NANO
    pending_nano = np.zeros(FIRST_MEMBER + 5, np.int64)
    for column, given in ((free_nano, free), (pending_nano, pending)):
        for member, nano in (given or {}).items():
            column[FIRST_MEMBER + member] = nano
    return Balances(free_nano, pending_nano, np.maximum(-free_nano, 0))


def traded(
    held: Balances, net: list[int], open_gates: list[tuple[int, Trading]] | None = None, **changes: int
) -> Trading:
    market = with_rates(markets.market(EX_ANTE, hours=1), **changes)
    return trade(market, FIRST, np.array(net), held, standing(market), open_gates or [])


def standing(market: Market) -> Instructions:
    market.ledger.found(market.terms, 0)
    return standing_instructions(market, range(FIRST - 1, FIRST + 1))


def with_rates(market: Market, **changes: int) -> Market:
    return replace(market, rules=replace(market.rules, rates=lambda _: replace(RATES, **changes)))


def refusal(trading: Trading, member: int) -> Reason | None:
    """Why a member's order was refused; None when it was accepted."""
    (row,) = np.flatnonzero(trading.book.member == member).tolist()
    return None if row < trading.accepted else Reason(int(trading.agreement.reason[row]))


NET = [2000, 1000, -500, -1000, -700]


def test_an_order_is_accepted_up_to_the_free_balance_and_not_a_nano_beyond() -> None:
    assert refusal(traded(balances({DAN: DAN_COST}), NET), DAN) is None
    short = traded(balances({DAN: DAN_COST - 1}), NET)
    assert refusal(short, DAN) == Reason.BALANCE
    assert short.accepted == 4
    assert len(short.book) == 5
    assert short.nonces.shape == (4, 32)
    assert short.book.sequence.tolist() == list(range(5))


def test_what_is_pending_covers_no_order() -> None:
    held = balances({DAN: DAN_COST - 1}, {DAN: 10 * DAN_COST})
    assert refusal(traded(held, NET), DAN) == Reason.BALANCE


def test_what_an_unsettled_slot_may_still_cost_is_not_free() -> None:
    earlier = traded(balances(), NET)
    filled = int(earlier.agreement.trades.filled_wh(5)[earlier.book.member == DAN].sum())
    assert filled > 0
    spoken_for = filled * markets.MEMBERS[DAN].buy_limit_micro_per_kwh
    assert refusal(traded(balances({DAN: DAN_COST + spoken_for}), NET, [(FIRST - 1, earlier)]), DAN) is None
    assert (
        refusal(traded(balances({DAN: DAN_COST + spoken_for - 1}), NET, [(FIRST - 1, earlier)]), DAN) == Reason.BALANCE
    )


def test_who_owes_more_than_is_pending_neither_buys_nor_sells() -> None:
    assert refusal(traded(balances({BOB: -5}, {BOB: 4}), NET), BOB) == Reason.BALANCE
    assert refusal(traded(balances({BOB: -5}, {BOB: 5}), NET), BOB) is None
    assert refusal(traded(balances({DAN: -5}, {DAN: 5}), NET), DAN) == Reason.BALANCE


def test_a_seller_needs_a_balance_only_where_prices_may_be_negative() -> None:
    asked = [replace(m, sell_limit_micro_per_kwh=-50_000) for m in markets.MEMBERS]
    for feed_in, cost in ((0, 0), (-20_000, 20_000 * 1000), (-90_000, 50_000 * 1000)):
        usual = markets.market(EX_ANTE, hours=1, members=tuple(asked))
        market = with_rates(usual, feed_in_micro_per_kwh=feed_in)
        held = balances({BOB: cost})
        assert refusal(trade(market, FIRST, np.array(NET), held, standing(market)), BOB) is None
        if cost:
            held = balances({BOB: cost - 1})
            assert refusal(trade(market, FIRST, np.array(NET), held, standing(market)), BOB) == Reason.BALANCE


def test_an_open_gate_costs_what_its_own_tariff_says() -> None:
    asked = [replace(m, sell_limit_micro_per_kwh=-50_000) for m in markets.MEMBERS]
    usual = markets.market(EX_ANTE, hours=1, members=tuple(asked))
    # A seller who may have to pay: in the slot before, feed-in was far below what it is now.
    market = replace(
        usual,
        rules=replace(
            usual.rules, rates=lambda slot: replace(RATES, feed_in_micro_per_kwh=-40_000 if slot < FIRST else 0)
        ),
    )
    earlier = trade(market, FIRST - 1, np.array(NET), balances(), standing(market))
    sold = int(earlier.agreement.trades.filled_wh(5)[earlier.book.member == BOB].sum())
    assert sold > 0
    for free, reason in ((40_000 * sold, None), (40_000 * sold - 1, Reason.BALANCE)):
        held = balances({BOB: free})
        assert (
            refusal(trade(market, FIRST, np.array(NET), held, standing(market), [(FIRST - 1, earlier)]), BOB) == reason
        )


@pytest.mark.parametrize("open_gates", [0, 1, 2])
def test_the_gate_is_shut_unless_the_deposit_covers_every_open_slot(open_gates: int) -> None:
    earlier = [(FIRST - 1, traded(balances(), NET))] * open_gates
    held = balances()
    enough = EXPOSURE_NANO * (open_gates + 1)
    for supplier, shut in ((enough, False), (enough - 1, True)):
        free = held.free_nano.copy()
        free[Account.SUPPLIER] = supplier
        trading = traded(held.replaced(free_nano=free), NET, earlier)
        assert (refusal(trading, BOB) == Reason.GATE_SHUT) is shut
        assert trading.accepted == (0 if shut else 5)


def test_debts_of_members_eat_into_the_deposit() -> None:
    held = balances({EVE: -1})
    free = held.free_nano.copy()
    free[Account.SUPPLIER] = EXPOSURE_NANO
    shut = traded(held.replaced(free_nano=free), NET)
    assert {Reason(int(r)) for r in shut.agreement.reason} == {Reason.GATE_SHUT}


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_a_poor_member_is_supplied_owes_and_stays_out_of_the_market(timing: str) -> None:
    market = markets.market(timing, founded_on=markets.terms({"dan": 0}))
    ran = markets.run(market)
    name = market.keys.pseudonym("dan")
    assert {row["reason"] for row in rows(ran.tables["orders"], member=name)} == {"balance"}
    assert all(row["filled_wh"] == 0 and row["nonce"] is None for row in rows(ran.tables["orders"], member=name))
    billed = sum(row["amount_nano"] for row in rows(ran.tables["statements"], member=name))
    (held,) = rows(ran.tables["balances"], account=f"member:{name}")
    assert billed < 0
    assert held["free_nano"] == billed
    assert {row["leg"] for row in rows(ran.tables["statements"], member=name)} <= {"supplier_buy", "grid_fee", "tax"}
    assert ran.tables["trades"].num_rows > 0
    assert [f for check in CHECKS for f in check(ran.audited()).findings] == []


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_a_shut_gate_means_no_orders_and_energy_by_meter(timing: str) -> None:
    market = markets.market(timing, founded_on=markets.terms(supplier_nano=EXPOSURE_NANO // 2))
    ran = markets.run(market)
    assert {row["reason"] for row in ran.tables["orders"].to_pylist()} == {"gate_shut"}
    assert ran.tables["trades"].num_rows == 0
    assert not rows(ran.tables["slots"], failed=True)
    assert [f for check in CHECKS for f in check(ran.audited()).findings] == []


def test_at_the_gate_two_slots_are_open_at_once() -> None:
    market = markets.market(EX_ANTE, hours=2, founded_on=markets.terms(supplier_nano=2 * EXPOSURE_NANO - 1))
    reasons = {row["slot"]: row["reason"] for row in markets.run(market, 2).tables["orders"].to_pylist()}
    assert reasons[FIRST] != "gate_shut"
    assert reasons[FIRST + 1] == "gate_shut"


def test_a_preference_and_a_source_reach_the_book() -> None:
    trading = traded(balances(), NET)
    preferences = dict(zip(trading.book.member.tolist(), trading.book.preference.tolist(), strict=True))
    assert preferences == {m: Preference.RENEWABLE if m == DAN else Preference.ANY for m in range(5)}
