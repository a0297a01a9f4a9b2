"""Audit: an honest run passes; one changed value in any public column, or any rubbish, is a finding and never a traceback."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.core.accounts import kind_names
from commonwatt.core.events import EventKind, EventOutcome
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.records import Agreement, GridVerdict, Leg, Quality, Readings, Reason, Statement, Verdict
from commonwatt.services.audit import CHECKS, Audited, Check, check_form
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.schemas import PUBLIC, SCHEMAS
from commonwatt.settlement import SettlementContext

TIMINGS = pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
FACTS = [("members", column) for column in ("microgrid", "trust", "budget_nano", "key_parts")]
"""What the market knows of members is held by the hash of the rules on the ledger (`tests/e2e/test_member_facts.py`), not by another table."""
FILLED = [table for table in PUBLIC if table not in ("curtailments", "envelopes")]
"""Tables that have rows without a model of the grid that cuts or allots; the rest is in `test_grid_limits.py` and in `tests/e2e/test_envelopes.py`."""
COLUMNS = [(table, column) for table in FILLED for column in SCHEMAS[table].names if (table, column) not in FACTS]
WORDS: dict[str, list[str]] = {
    "side": ["buy", "sell"],
    "source": [s.name.lower() for s in Source],
    "preference": [p.name.lower() for p in Preference],
    "reason": [r.name.lower() for r in Reason],
    "quality": [q.name.lower() for q in Quality],
    "leg": [leg.name.lower() for leg in Leg],
    "role": ["prosumer", "consumer"],
    "outcome": [o.name.lower() for o in EventOutcome],
}
KINDS = {"receipts": ["open", "clear", "settle"], "events": [k.name.lower() for k in EventKind]}
SPECIAL = {"orders": ("reason", "balance"), "readings": ("quality", "substituted"), "events": ("request", None)}
"""Of a table a row that is not like the others: what it has, in which column."""


def audit_tables(audited: Audited) -> list[Check]:
    """Every check of the tables; only their form where that is wrong."""
    form = check_form(audited)
    return [form, *(check(audited) for check in CHECKS)] if form.passed else [form]


@cache
def world(timing: str) -> Ran:
    return markets.eventful(timing)


@cache
def honest(timing: str) -> dict[str, pa.Table]:
    return {name: world(timing).tables[name] for name in PUBLIC}


def exchanged(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    at = table.schema.get_field_index(column)
    return table.set_column(at, table.schema.field(column), pa.array(values, table.schema.field(column).type))


def failed(timing: str, **tables: pa.Table) -> list[str]:
    """The names of the checks that find something when these tables are published instead."""
    return [check.name for check in audit_tables(world(timing).audited(tables)) if check.findings]


def is_found(timing: str, **tables: pa.Table) -> bool:
    """Whether some check finds something; the first is enough."""
    audited = world(timing).audited(tables)
    return not check_form(audited).passed or any(not check(audited).passed for check in CHECKS)


def another(timing: str, table: str, column: str, value: Any) -> Any:
    """Another value that is as plausible as this one."""
    if column in ("member", "seller", "buyer") and table != "members":
        members = honest(timing)["members"]["member"].to_pylist()
        return members[(members.index(value) + 1) % len(members)] if value else members[0]
    if column in ("debit", "credit"):
        return "grid" if value != "grid" else "state"
    if column == "kind":
        names = KINDS.get(table, kind_names())
        return names[(names.index(value) + 1) % len(names)]
    if column in WORDS:
        return WORDS[column][(WORDS[column].index(value) + 1) % len(WORDS[column])]
    if isinstance(value, int):
        return value + 1
    if value is None:
        return f"{FIRST}-o0" if column.endswith("order") else "0x" + "11" * (65 if column == "signature" else 32)
    return value[:-1] + ("1" if value[-1:] != "1" else "2")


@TIMINGS
@pytest.mark.parametrize("chain", ["memory", "embedded"])
def test_an_honest_run_passes_every_check(timing: str, chain: str) -> None:
    ran = markets.eventful(timing, chain)
    checks = audit_tables(ran.audited())
    assert [finding for check in checks for finding in check.findings] == []
    assert [check.name for check in checks if check.skipped] == []
    assert all(check.checked for check in checks)
    tables = ran.tables
    assert {"balance"} < set(tables["orders"]["reason"].to_pylist())
    assert set(tables["readings"]["quality"].to_pylist()) == {"measured", "substituted", "corrected"}


@TIMINGS
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_changed_value_in_any_column_is_found(timing: str, table: str, column: str) -> None:
    public = honest(timing)[table]
    values = public[column].to_pylist()
    # A few ordinary rows, and one for each special case: refused orders, substituted and corrected readings.
    special = SPECIAL.get(table)
    chosen = {0, public.num_rows - 1} if timing == EX_POST else {public.num_rows // 2}
    if special:
        chosen.add(public[special[0]].to_pylist().index(special[1]))
    if table == "readings":
        chosen.add(public["quality"].to_pylist().index("corrected"))
    for row in sorted(chosen):
        value = another(timing, table, column, values[row])
        assert value != values[row]
        assert is_found(timing, **{table: exchanged(public, column, row, value)}), (
            f"row {row}: {values[row]} -> {value}"
        )


@TIMINGS
@pytest.mark.parametrize("table", FILLED)
def test_a_row_that_is_missing_or_there_twice_is_found(timing: str, table: str) -> None:
    public = honest(timing)[table]
    for row in {0, public.num_rows - 1} if timing == EX_POST else {public.num_rows // 2}:
        without = pa.concat_tables([public.slice(0, row), public.slice(row + 1)])
        assert is_found(timing, **{table: without}), f"without row {row}"
        twice = pa.concat_tables([public, public.slice(row, 1)])
        assert is_found(timing, **{table: twice}), f"row {row} twice"


@TIMINGS
@pytest.mark.parametrize("table", FILLED)
def test_an_empty_table_is_found(timing: str, table: str) -> None:
    assert is_found(timing, **{table: honest(timing)[table].slice(0, 0)})


GARBAGE = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, -1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63)]),
    st.text(max_size=20),
    st.sampled_from(["", "0x", "0x" + "zz" * 32, "0x" + "11" * 31, "-o", "1-o", "-o-1", f"{FIRST}-o99", "slot_failed", "curtailed"]),
    st.sampled_from(["0x" + "11" * 32 + "\n", "supplier", "member:", "pool", f"{FIRST}-t0", "null", "corrected"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    timing=st.sampled_from([EX_ANTE, EX_POST]),
    place=st.sampled_from(COLUMNS),
    row=st.integers(0, 10**6),
    garbage=GARBAGE,
)
def test_rubbish_is_a_finding_and_never_a_traceback(
    timing: str, place: tuple[str, str], row: int, garbage: object
) -> None:
    table, column = place
    public = honest(timing)[table]
    row %= public.num_rows
    is_number = pa.types.is_integer(public.schema.field(column).type)
    if garbage is not None and is_number != isinstance(garbage, int):
        garbage = len(str(garbage)) - 1 if is_number else str(garbage)
    found = failed(timing, **{table: exchanged(public, column, row, garbage)})
    assert found or public[column][row].as_py() == garbage


@settings(max_examples=25, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.sampled_from(COLUMNS), st.integers(0, 10**6), st.integers(-5, 10**7)), min_size=2, max_size=9
    )
)
def test_several_wrong_numbers_at_once_are_findings_too(places: list[tuple[tuple[str, str], int, int]]) -> None:
    tables = dict(honest(EX_ANTE))
    for (table, column), row, by in places:
        old = tables[table][column].to_pylist()[row % tables[table].num_rows]
        if isinstance(old, int):
            tables[table] = exchanged(tables[table], column, row % tables[table].num_rows, old + by)
    assert failed(EX_ANTE, **tables) or tables == honest(EX_ANTE)


ALONE = {
    "check_form": ("orders", "side", "both"),
    "check_links": ("trades", "trade_id", f"{FIRST}-t77"),
    "check_members": ("members", "connection_w", 12_345),
    "check_enrolments": ("enrolments", "gateway", "0x" + "44" * 20),
    "check_readings": ("readings", "signature", "0x" + "22" * 65),
    "check_instructions": ("instructions", "salt", "0x" + "55" * 32),
    "check_drawn": ("orders", "sequence", 77),
    "check_clearing": ("trades", "round", 77),
    "check_roots": ("orders", "nonce", "0x" + "33" * 32),
    "check_wires": ("wires", "losses_wh", 1),
    "check_envelopes": ("envelopes", "export_wh", 1),
    "check_statements": ("statements", "price_micro_per_kwh", 1),
    "check_balances": ("postings", "amount_nano", 1),
    "check_receipts": ("receipts", "block", 99),
}


@pytest.mark.parametrize("name", ALONE)
def test_each_check_finds_what_is_its_own(name: str) -> None:
    (check,) = [check for check in (check_form, *CHECKS) if check.__name__ == name]
    table, column, value = ALONE[name]
    public = honest(EX_POST)[table]
    if not public.num_rows:
        public = pa.Table.from_pylist([dict.fromkeys(SCHEMAS[table].names)], schema=SCHEMAS[table])
    tampered = {table: exchanged(public, column, 0, value)}
    assert check(world(EX_POST).audited()).passed
    assert not check(world(EX_POST).audited(tampered)).passed


def test_every_check_has_a_case_of_its_own() -> None:
    assert [check.__name__ for check in (check_form, *CHECKS)] == list(ALONE)


def test_the_tables_of_another_run_do_not_fit_this_chain() -> None:
    feed = markets.FakeFeed.made_up(4)
    feed.load_wh[markets.PAST + 1, 1] += 1
    market = markets.market(
        EX_POST, feed=feed, design=markets.rules(window_slots=1), founded_on=markets.terms(window_slots=1)
    )
    other = markets.run(market, 4)
    assert not [c for c in audit_tables(other.audited()) if c.findings]
    found = failed(EX_POST, **{name: other.tables[name] for name in PUBLIC})
    assert "the chain holds these orders, trades and postings" in found
    assert "statements = postings = balances on the chain" in found


def test_a_slot_that_is_left_out_everywhere_is_missed() -> None:
    last = FIRST + 3
    left = {
        name: table.filter(pa.array([slot != last for slot in table["slot"].to_pylist()], pa.bool_()))
        for name, table in honest(EX_POST).items()
        if "slot" in table.column_names
    }
    assert "the chain holds these orders, trades and postings" in failed(EX_POST, **left)


def test_one_slot_can_be_audited_alone() -> None:
    audited = replace(world(EX_ANTE).audited(), only=frozenset({FIRST + 1}))
    checks = audit_tables(audited)
    assert [finding for check in checks for finding in check.findings] == []
    assert next(c for c in checks if c.name.startswith("orders cleared")).checked == 1


def clearing_check(ran: Ran, **tables: pa.Table) -> Check:
    (check,) = [check for check in CHECKS if check.__name__ == "check_clearing"]
    return check(ran.audited(tables))


class Failing:
    """A settlement that says it cannot settle the trades of one slot."""

    needs: frozenset[str] = frozenset()
    breaks: frozenset[str] = frozenset()

    def __init__(self, honest_rule: Any) -> None:
        self.honest_rule = honest_rule

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        if context.slot == FIRST + 1 and len(agreement.trades):
            raise RuntimeError("so sorry")
        statement: Statement = self.honest_rule.settle(book, agreement, readings, context)
        return statement


@cache
def run_with_a_failed_slot(timing: str) -> Ran:
    rules = markets.rules(timing)
    rule: Any = Failing(rules.settlement)
    ran = markets.run(markets.market(timing, hours=3, design=replace(rules, settlement=rule)), 3)
    return replace(ran, market=replace(ran.market, rules=rules))


@TIMINGS
def test_failed_slots_are_counted_and_it_is_said_that_they_clear_without_fault(timing: str) -> None:
    check = clearing_check(run_with_a_failed_slot(timing))
    assert check.passed
    assert check.checked == 2
    assert check.note.startswith("1 slot failed, no trade was delivered in them; the orders of 1 clear without fault")
    assert clearing_check(markets.run(markets.market(timing, hours=2), 2)).note == ""


@TIMINGS
def test_a_failed_slot_delivered_nothing(timing: str) -> None:
    ran = run_with_a_failed_slot(timing)
    trades = ran.tables["trades"]
    row = trades["slot"].to_pylist().index(FIRST + 1)
    check = clearing_check(ran, trades=exchanged(trades, "delivered_wh", row, 1))
    assert any("0 in a failed slot" in str(finding) for finding in check.findings)


@TIMINGS
def test_the_trades_of_a_failed_slot_are_those_of_the_mechanism_too(timing: str) -> None:
    ran = run_with_a_failed_slot(timing)
    trades = ran.tables["trades"]
    row = trades["slot"].to_pylist().index(FIRST + 1)
    price = trades["sell_price_micro_per_kwh"][row].as_py()
    assert not clearing_check(ran, trades=exchanged(trades, "sell_price_micro_per_kwh", row, price + 1)).passed


@TIMINGS
@pytest.mark.parametrize("reason", ["slot_failed", "curtailed"])
def test_a_reason_cannot_be_used_to_escape_the_clearing(timing: str, reason: str) -> None:
    orders = honest(timing)["orders"]
    row = orders["slot"].to_pylist().index(FIRST + 1)
    assert failed(timing, orders=exchanged(orders, "reason", row, reason))


def test_what_the_grid_left_of_a_trade_is_not_more_than_the_mechanism_gave() -> None:
    class Cutting:
        def check(self, _net: Any, _book: Any, agreement: Agreement, _context: Any) -> GridVerdict:
            return GridVerdict(Verdict.CURTAILED, curtailed_wh=((0, 5),) if len(agreement.trades) else ())

    grid: Any = Cutting()
    ran = markets.run(markets.market(EX_ANTE, hours=3, grid=grid), 3)
    assert "curtailed" in {row["reason"] for row in rows(ran.tables["orders"])}
    assert [finding for check in audit_tables(ran.audited()) for finding in check.findings] == []
    trades = ran.tables["trades"]
    energy = trades["energy_wh"][0].as_py()
    for more, too_much in ((5, False), (6, True)):
        check = clearing_check(ran, trades=exchanged(trades, "energy_wh", 0, energy + more))
        assert any(finding.where == f"trades {FIRST}-t0" for finding in check.findings) is too_much
        # Whole again, its order may not say that it was cut.
        assert more == 6 or any(finding.found == "curtailed" for finding in check.findings)
    assert not clearing_check(ran, trades=exchanged(trades, "buy_price_micro_per_kwh", 0, 1)).passed
    assert np.all(np.array(trades["energy_wh"].to_pylist()) > 0)


def test_refused_orders_are_told() -> None:
    assert (
        "orders were refused for their balance, a shut gate or what their members signed"
        in clearing_check(world(EX_POST)).note
    )
