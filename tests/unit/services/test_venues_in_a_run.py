"""Every venue in a run: both timings, both settlement rules, both ways to settle; the books balance and the audit meets the orders again."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES
from commonwatt.services.audit import CHECKS
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.settlement import SETTLEMENTS
from commonwatt.venues import VENUES

HOURS = 3
SOME: dict[str, dict[str, Any]] = {
    "continuous": {"cancelled_share": 0.3},
    "on_chain": {"unrevealed_share": 0.3},
    "request": {"most_answers": 2},
}
"""Parameters under which not every order goes its way."""


@cache
def ran(venue: str, timing: str, rule: str = "scheduled", path: int = SETTLE_NET) -> Ran:
    design = markets.rules(
        timing, venue=VENUES.make(venue, **SOME.get(venue, {})), settlement=SETTLEMENTS.make(rule), path=path
    )
    return markets.run(markets.market(timing, hours=HOURS, design=design), HOURS)


@pytest.mark.parametrize("venue", VENUES.names())
@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
@pytest.mark.parametrize("rule", ["scheduled", "delivered"])
@pytest.mark.parametrize("path", [SETTLE_NET, SETTLE_TRADES])
def test_a_run_trades_balances_and_is_audited(venue: str, timing: str, rule: str, path: int) -> None:
    done = ran(venue, timing, rule, path)
    assert [row["slot"] for row in rows(done.tables["slots"], failed=True)] == []
    assert len(done.tables["trades"])
    audited = done.audited()
    assert [str(finding) for check in CHECKS for finding in check(audited).findings] == []


@pytest.mark.parametrize("venue", [name for name in VENUES.names() if name != "sealed_batch"])
def test_its_events_are_public_and_their_outcome_can_be_computed_again(venue: str) -> None:
    done = ran(venue, EX_ANTE)
    events = done.tables["events"]
    assert {row["slot"] for row in events.to_pylist()} == set(range(FIRST, FIRST + HOURS))
    outcome = events.schema.get_field_index("outcome")
    changed = ["late", *events["outcome"].to_pylist()[1:]]
    forged = events.set_column(outcome, "outcome", pa.array(changed))
    (check,) = [check for check in CHECKS if check.__name__ == "check_clearing"]
    found = check(done.audited({"events": forged})).findings
    assert [finding.where for finding in found] == [f"events slot {FIRST} sequence 0 outcome"]


def test_what_was_withdrawn_or_never_revealed_says_so() -> None:
    said = {
        venue: set(ran(venue, EX_POST).tables["orders"]["reason"].to_pylist()) for venue in ("continuous", "on_chain")
    }
    assert "cancelled" in said["continuous"]
    assert "unrevealed" in said["on_chain"]


def test_a_firm_residual_is_that_of_orders_that_stood() -> None:
    settlement = SETTLEMENTS.make("scheduled", residual="gate", reward_form="none")
    design = markets.rules(
        EX_ANTE, venue=VENUES.make("continuous", cancelled_share=0.5), settlement=settlement, path=SETTLE_NET
    )
    done = markets.run(markets.market(EX_ANTE, hours=HOURS, design=design), HOURS)
    gone = [row for row in done.tables["orders"].to_pylist() if row["reason"] == "cancelled"]
    assert gone
    for order in gone:
        own = {"slot": order["slot"], "member": order["member"]}
        energy = {row["leg"]: row["energy_wh"] for row in rows(done.tables["statements"], **own, revision=0)}
        (read,) = rows(done.tables["readings"], **own, revision=0)
        firm = {leg: energy.get(leg, 0) for leg in ("supplier_sell", "supplier_buy")}
        if not order["filled_wh"]:
            assert firm == {"supplier_sell": read["export_wh"], "supplier_buy": read["import_wh"]}
            assert not energy.keys() & {"imbalance_short", "imbalance_long"}
        else:
            assert firm == {"supplier_sell": 0, "supplier_buy": 0}
    assert {order["filled_wh"] > 0 for order in gone} == {False, True}
    audited = done.audited()
    assert [str(finding) for check in CHECKS for finding in check(audited).findings] == []


def test_a_seed_draws_the_same_events_and_another_one_others() -> None:
    def times(seed: int) -> list[int]:
        design = markets.rules(EX_POST, venue=VENUES.make("request"), seed=seed)
        done = markets.run(markets.market(EX_POST, hours=1, design=design), 1)
        return list(done.tables["events"]["time_ms"].to_pylist())

    assert times(1) == times(1) != times(2)
