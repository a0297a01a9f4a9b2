"""The ledger's suite: right answers pass its gates, wrong ones do not, and every row has the limit of the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonwatt.benchmarks.contracts import Fees, NetSlots, TradeSlots
from commonwatt.benchmarks.measuring import measure
from commonwatt.benchmarks.suites.ledger import GasTrial, Ledger, OrdersTrial, SettlingTrial
from commonwatt.core.errors import VerificationFailed

if TYPE_CHECKING:
    from commonwatt.benchmarks.contracts import Slots
    from commonwatt.core.units import Ints


def test_the_rows_have_the_limits_of_the_specification() -> None:
    figures = {figure.job: (figure.unit, figure.limit) for job in Ledger().jobs(1.0) for figure in job.figures}
    assert figures == {
        "signed-orders": ("/s", 20_000),
        "net-trades": ("trades/s", 300_000),
        "single-trades": ("trades/s", 70_000),
        "gas-20-members": ("gas", 1_600),
        "gas-100-members": ("gas", 3_600),
    }


def test_part_of_the_work_has_another_name_and_no_limit() -> None:
    figures = [figure for job in Ledger().jobs(0.1)[:3] for figure in job.figures]
    assert [figure.job for figure in figures] == ["signed-orders-500", "net-trades-5000", "single-trades-5000"]
    assert {figure.limit for figure in figures} == {None}


def test_faulty_orders_are_found_among_good_ones() -> None:
    trial = OrdersTrial(400)
    assert 0 < np.count_nonzero(~trial.expected) < 100
    assert trial.findings(None, trial.run(None)) == []
    assert trial.findings(None, np.ones(400, np.bool_))
    assert trial.reference() == [True] * 400


@pytest.mark.parametrize("kind", [NetSlots, TradeSlots])
def test_balances_are_what_the_trades_one_by_one_say(kind: type[Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    trial = SettlingTrial(kind, 1_200)
    with trial.fresh() as ledger:
        statuses = trial.run(ledger)
        assert trial.findings(ledger, statuses) == []
        assert trial.findings(ledger, [*statuses[:-1], 0])
        drawn = trial.slots.drawn

        def dearer(number: int) -> tuple[Ints, Ints, Ints, Ints]:
            seller, buyer, energy, price = drawn(number)
            return seller, buyer, energy, price + 1

        monkeypatch.setattr(trial.slots, "drawn", dearer)
        assert trial.findings(ledger, statuses)


def test_gas_is_counted_exactly_and_held_against_the_model() -> None:
    trial = GasTrial(4, 250)
    with trial.fresh() as ready:
        gas = trial.run(ready)
        assert trial.findings(ready, gas) == []
        assert trial.figure("gas-4-members") == gas[0] / 250
        assert trial.findings(ready, [gas[0] * 2])
        assert trial.findings(ready, [])


def test_every_buyer_pays_a_fee() -> None:
    slots = Fees(10, (30,))
    lines = slots.postings(0)
    _, buyer, energy, _ = slots.drawn(0)
    fees = lines.take(np.arange(30, len(lines)))
    assert len(fees) == len(np.unique(buyer))
    assert fees.energy_wh.sum() == energy.sum()


def test_a_wrong_balance_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Ledger().jobs(0.02)[1]
    rows = list(NetSlots(100, (990,)).rows())
    monkeypatch.setattr(NetSlots, "rows", lambda _: iter(rows[:-1]))
    with pytest.raises(VerificationFailed, match="account"):
        measure(job, 990, "ledger")
