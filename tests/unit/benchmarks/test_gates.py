"""The gates let right answers pass and find every kind of wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.fakes.books import book_of, context, seeded_book

from commonwatt.benchmarks import gates
from commonwatt.benchmarks.measuring import measure
from commonwatt.benchmarks.suites.clearing import Clearing, ClearingTrial, ContinuousTrial, MarketsTrial
from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import VerificationFailed
from commonwatt.core.records import Agreement, Trades
from commonwatt.core.welfare import optimum_welfare_nano

if TYPE_CHECKING:
    from commonwatt.core.orders import OrderBook

BOOK = seeded_book(2, 400)
NAME = "uniform_price"


def cleared(name: str = NAME, book: OrderBook = BOOK) -> Agreement:
    return CLEARINGS.make(name).clear(book, context())


def wheres(agreement: Agreement, name: str = NAME) -> set[str]:
    return {f.where for f in gates.clearing_findings(name, frozenset(), BOOK, agreement)}


@pytest.mark.parametrize("name", CLEARINGS.names())
def test_every_registered_mechanism_passes(name: str) -> None:
    breaks = CLEARINGS.answer(name).breaks
    assert gates.clearing_findings(name, breaks, BOOK, cleared(name)) == []


def test_the_gate_s_optimum_is_the_closed_form() -> None:
    for seed in range(20):
        book = seeded_book(seed, 60, -50, 50, 20)
        assert gates.most_welfare(book)[1] == optimum_welfare_nano(book)


def test_no_trade_at_all_is_wrong_where_there_was_one_to_make() -> None:
    assert wheres(replace(cleared(), trades=Trades.empty())) == {"volume_wh", "welfare_nano"}


def test_a_wh_too_much_on_one_side_is_found() -> None:
    right = cleared()
    energy = right.trades.energy_wh.copy()
    energy[0] += 1
    assert "energy_wh" in wheres(replace(right, trades=right.trades.replaced(energy_wh=energy)))


def test_a_price_outside_a_limit_and_money_from_nowhere_are_found() -> None:
    right = cleared()
    dear = right.trades.replaced(sell_price_micro_per_kwh=right.trades.sell_price_micro_per_kwh + 1)
    assert "money" in wheres(replace(right, trades=dear))
    far = right.trades.replaced(buy_price_micro_per_kwh=right.trades.buy_price_micro_per_kwh + 400_000)
    assert "limits" in wheres(replace(right, trades=far))


def test_an_order_filled_twice_is_found() -> None:
    right = cleared()
    twice = Trades.joined([right.trades, right.trades])
    assert "fills" in wheres(replace(right, trades=twice))


def test_right_volume_between_the_wrong_members_is_found() -> None:
    book = book_of(("sell", 5, 10), ("sell", 5, 20), ("buy", 5, 30))
    dear = Trades(*(np.array([v]) for v in (1, 2, 5, 25, 25, 1, 0, 0)))
    found = gates.clearing_findings(NAME, frozenset(), book, Agreement(dear, np.zeros(3, np.int64)))
    assert [f.where for f in found] == ["welfare_nano"]


def test_two_rounds_must_trade_what_the_queues_of_the_paper_trade() -> None:
    assert wheres(cleared(NAME), "two_round_double_auction") == {"volume_wh", "welfare_nano"}


def test_a_wrong_mechanism_stops_its_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy:
        breaks: frozenset[str] = frozenset()

        def clear(self, book: OrderBook, context: object) -> Agreement:  # noqa: ARG002
            return Agreement(Trades.empty(), np.zeros(len(book), np.int64))

    (job,) = [job for job in Clearing().jobs(0.001) if job.name.startswith("uniform")]

    def lazy(orders: int) -> ClearingTrial:
        trial = ClearingTrial(NAME, None, orders)
        trial.mechanism = Lazy()  # type: ignore[assignment]
        return trial

    with pytest.raises(VerificationFailed, match="clearing uniform-1e3: volume_wh: expected"):
        measure(replace(job, trial=lazy), job.size, "clearing")


def test_a_year_of_markets_is_gated_market_by_market() -> None:
    trial = MarketsTrial(20)
    right = trial.run(None)
    assert trial.findings(None, right) == []
    energy = right.trades.energy_wh.copy()
    energy[-1] += 1
    wrong = replace(right, trades=right.trades.replaced(energy_wh=energy))
    assert {f.where.partition(" energy")[0] for f in trial.findings(None, wrong)} >= {"market 19"}


def test_a_trade_across_two_markets_is_found() -> None:
    book = book_of(("sell", 5, 10), ("buy", 5, 9), ("sell", 5, 11), ("buy", 5, 30))
    across = Trades(*(np.array([v]) for v in (0, 3, 5, 20, 20, 1, 0, 0)))
    agreement = Agreement(across, np.zeros(4, np.int64))
    found = gates.market_findings(NAME, frozenset(), book, np.array([0, 2, 4]), agreement)
    assert [str(f) for f in found] == [
        "market 0: expected trades between its own orders, found an order of another market"
    ]


def test_a_continuous_book_is_held_against_sorted_lists() -> None:
    trial = ContinuousTrial(300)
    right = trial.run(None)
    assert trial.findings(None, right) == []
    trades = right.agreement.trades
    for changed in (trades.take(np.arange(len(trades))[::-1]), trades.replaced(energy_wh=trades.energy_wh + 1)):
        wrong = replace(right, agreement=replace(right.agreement, trades=changed))
        assert [finding.where for finding in trial.findings(None, wrong)] == ["trades"]
