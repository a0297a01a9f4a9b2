"""Every grid model keeps the promises of its room."""

import numpy as np
import pytest

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Reason, Trades, Verdict, with_filled
from commonwatt.grid import GRIDS, GridContext

NAMES = pytest.mark.parametrize("name", GRIDS.names())
NET = pytest.mark.parametrize("net_wh", [[0, 0], [500, -500], [2**31 - 1, -1], [-(2**31) + 1, -(2**31) + 1]])


def verdict(name: str, net_wh: list[int], *, trading: bool) -> GridVerdict:
    book = OrderBook.of(
        2, member=np.array([0, 1]), is_sell=np.array([True, False]), energy_wh=5, sequence=np.array([0, 1])
    )
    trades = Trades.of(1, sell_order=0, buy_order=1, energy_wh=5)
    agreement = with_filled(book, trades, np.zeros(2, np.int64)) if trading else Agreement.nothing(2, Reason.PRICE)
    context = GridContext(467_376, 3600, Fleet.of(2, connection_w=10_000))
    return GRIDS.make(name).check(np.array(net_wh, np.int64), book, agreement, context)


def test_the_room_has_answers() -> None:
    assert "unlimited" in GRIDS.names()


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


@NAMES
def test_a_grid_breaks_no_promise(name: str) -> None:
    assert not GRIDS.answer(name).breaks
