"""One household's slot under both rules, worked out by hand (`settlement-household/why.md`)."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.settlement_slots import agreement, bill, book, context, rates, readings

from commonwatt.settlement import SETTLEMENTS, statement_findings

CASE = Path(__file__).parent / "settlement-household"
GIVEN: dict[str, Any] = tomllib.loads((CASE / "input.toml").read_text())
EXPECTED: dict[str, Any] = json.loads((CASE / "expected.json").read_text())


@pytest.mark.parametrize("rule", sorted(EXPECTED))
def test_a_household_is_billed_as_worked_out_by_hand(rule: str) -> None:
    names = GIVEN["members"]
    orders = book(*((names.index(o["member"]), o["side"], o["energy_wh"]) for o in GIVEN["orders"]))
    order_of = {o["member"]: row for row, o in enumerate(GIVEN["orders"])}
    agreed = agreement(
        orders,
        *(
            (
                order_of.get(t.get("seller"), -1),
                order_of.get(t.get("buyer"), -1),
                t["energy_wh"],
                t["price"],
                t["price"],
            )
            for t in GIVEN["trades"]
        ),
    )
    metered = readings(*((r["export_wh"], r["import_wh"]) for r in GIVEN["readings"]))
    where = context(len(names), rates=rates(**GIVEN["rates"]))
    statement = SETTLEMENTS.make(rule, **GIVEN["rules"][rule]).settle(orders, agreed, metered, where)

    assert statement_findings(statement, orders, agreed, metered, where) == []
    assert statement.delivered_wh.tolist() == EXPECTED[rule]["delivered_wh"]
    for member, name in enumerate(names):
        assert [list(leg) for leg in bill(statement, member)] == EXPECTED[rule][name]
        assert sum(amount for *_, amount in bill(statement, member)) == EXPECTED[rule][f"{name}_nano"]
