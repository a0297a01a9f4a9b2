"""Every clearing mechanism under both settlement rules and both timings: books balance, the audit passes, every order knows why."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.tiny_runs import ran, write_morning

from commonwatt.clearing import CLEARINGS
from commonwatt.settlement import SETTLEMENTS

QUICK = ("pay_as_bid", "mcafee")
"""The others take as long each, and hold the same."""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_morning(tmp_path_factory.mktemp("markets") / "street")


@pytest.mark.parametrize(
    "clearing", [pytest.param(n, marks=[pytest.mark.full] * (n not in QUICK)) for n in CLEARINGS.names()]
)
def test_a_mechanism_settles_by_every_rule_in_every_timing(clearing: str, street: Path, tmp_path: Path) -> None:
    for timing, rule in product(("ex_post", "ex_ante"), SETTLEMENTS.names()):
        chosen = (f"market.clearing={clearing}", f"market.timing={timing}", f"settlement.rule={rule}")
        folder = tmp_path / f"{timing}-{rule}"
        result = ran(street, folder, overrides=(*chosen, "ledger.chain=memory"))
        figures = ("energy_mismatch_wh", "money_mismatch_nano", "failed_slots")
        assert (result.verified, *(result.summary[name] for name in figures)) == (True, 0, 0, 0), (timing, rule)
        orders = pq.read_table(folder / "public" / "orders.parquet").to_pylist()
        assert orders
        assert all((o["reason"] == "filled") == (o["filled_wh"] == o["energy_wh"]) for o in orders), (timing, rule)
