"""Every grid model keeps the promises of its room."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.fakes.books import context, seeded_book
from tests.fakes.wires import line, wires

from commonwatt.clearing import CLEARINGS, promise_findings
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Reason, Trades, Verdict, with_filled
from commonwatt.core.units import Ints
from commonwatt.grid import GRIDS, GridContext

NAMES = pytest.mark.parametrize("name", GRIDS.names())
NET = pytest.mark.parametrize("net_wh", [[0, 0], [500, -500], [2**31 - 1, -1], [-(2**31) + 1, -(2**31) + 1]])


def context_of(members: int, connection_w: int, rating_a: float) -> GridContext:
    """Members one after the other along a line: whatever an answer needs is there."""
    names = ["root", *(f"b{member}" for member in range(members))]
    pairs = pairwise(names)
    feeder = wires(*(line(begin, end, 40, 0.2, rating_a) for begin, end in pairs), root="root")
    bus = np.arange(1, members + 1)
    return GridContext(467_376, 3600, Fleet.of(members, connection_w=connection_w), feeder=feeder, bus=bus)


def verdict(name: str, net_wh: list[int], *, trading: bool) -> GridVerdict:
    book = OrderBook.of(
        2, member=np.array([0, 1]), is_sell=np.array([True, False]), energy_wh=5, sequence=np.array([0, 1])
    )
    trades = Trades.of(1, sell_order=0, buy_order=1, energy_wh=5)
    agreement = with_filled(book, trades, np.zeros(2, np.int64)) if trading else Agreement.nothing(2, Reason.PRICE)
    wide = context_of(2, 10_000, 200)
    return GRIDS.make(name).check(np.array(net_wh, np.int64), book, agreement, wide)


def test_the_room_has_answers() -> None:
    assert {"capacity", "radial", "unlimited"} <= set(GRIDS.names())


@NAMES
@NET
@pytest.mark.parametrize("trading", [True, False])
def test_a_verdict_names_losses_of_whole_wh_and_cuts_within_the_trades(
    name: str, net_wh: list[int], trading: bool
) -> None:
    judged = verdict(name, net_wh, trading=trading)
    assert judged.verdict in set(Verdict)
    assert type(judged.losses_wh) is int
    assert judged.losses_wh >= 0
    assert all(0 <= row < int(trading) and 0 < cut <= 5 for row, cut in judged.curtailed_wh)
    assert judged == verdict(name, net_wh, trading=trading)


def drawn(seed: int, clearing: str) -> tuple[Ints, OrderBook, Agreement]:
    """A cleared book of twelve members, and a schedule that is what they traded."""
    book = seeded_book(seed, 12, 0, 20, 9000)
    book = book.replaced(member=np.arange(12))
    agreement = CLEARINGS.make(clearing).clear(book, context())
    filled = agreement.trades.filled_wh(12)
    return np.where(book.is_sell, filled, -filled), book, agreement


@NAMES
@pytest.mark.parametrize("clearing", CLEARINGS.names())
@pytest.mark.parametrize("seed", range(20))
def test_a_narrow_grid_leaves_an_agreement_that_keeps_every_promise_but_welfare(
    name: str, clearing: str, seed: int
) -> None:
    net, book, agreement = drawn(seed, clearing)
    narrow = context_of(12, 3000, 6)
    judged = GRIDS.make(name).check(net, book, agreement, narrow)
    energy = agreement.trades.energy_wh.copy()
    for row, cut in judged.curtailed_wh:
        energy[row] -= cut
    left = agreement.trades.replaced(energy_wh=energy).take(energy > 0)
    assert promise_findings(book, with_filled(book, left, agreement.reason), CLEARINGS.answer(clearing).breaks) == []
    assert bool(judged.curtailed_wh) == (judged.verdict is Verdict.CURTAILED)
    # Nobody but the members pushes these limits: there is always a cut that helps.
    assert judged.verdict is not Verdict.INFEASIBLE
    assert judged == GRIDS.make(name).check(net, book, agreement, narrow)


def test_the_narrow_grids_do_cut() -> None:
    for name in set(GRIDS.names()) - {"unlimited"}:
        cut = [GRIDS.make(name).check(*drawn(seed, "uniform_price"), context_of(12, 3000, 6)) for seed in range(20)]
        assert sum(judged.verdict is Verdict.CURTAILED for judged in cut) > 10, name


@NAMES
@pytest.mark.parametrize("seed", range(5))
def test_what_was_delivered_is_not_cut(name: str, seed: int) -> None:
    net, book, agreement = drawn(seed, "uniform_price")
    over = replace(context_of(12, 1, 0.1), is_delivered=True)
    judged = GRIDS.make(name).check(net, book, agreement, over)
    assert judged.curtailed_wh == ()
    assert judged.verdict is not Verdict.CURTAILED


@NAMES
def test_a_grid_breaks_no_promise(name: str) -> None:
    assert not GRIDS.answer(name).breaks
