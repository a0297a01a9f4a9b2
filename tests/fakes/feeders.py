"""Radial feeders for tests, and what flows over their lines."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.fakes.books import NO_FEES, context

from commonwatt.clearing import ClearingContext, Lines, OrderFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades
from commonwatt.core.tariff import Rates


def feeder(*lines: tuple[int, int], losses: tuple[float, ...] = (), fees: tuple[int, ...] = ()) -> Lines:
    """(next bus towards the root, limit in Wh) of each bus; the root has -1."""
    toward, limit = zip(*lines, strict=True)
    nothing = (0,) * len(lines)
    return Lines(np.array(toward), np.array(limit), np.array(losses or nothing), np.array(fees or nothing))


@st.composite
def feeders(draw: st.DrawFn, most_buses: int = 8, most_wh: int = 60, fees: tuple[int, ...] = (0,)) -> Lines:
    """A tree of some buses, now and then with a second root."""
    buses = draw(st.integers(1, most_buses))
    toward = [-1] + [draw(st.integers(-1 if draw(st.integers(0, 9)) == 0 else 0, bus - 1)) for bus in range(1, buses)]
    limits = draw(st.lists(st.integers(0, most_wh), min_size=buses, max_size=buses))
    losses = draw(st.lists(st.sampled_from([0.0, 0.05, 0.2]), min_size=buses, max_size=buses))
    asked = np.array(draw(st.lists(st.sampled_from(fees), min_size=buses, max_size=buses)))
    columns = {"toward": np.array(toward), "limit_wh": np.array(limits), "loss_share": np.array(losses)}
    return Lines.of(buses, **columns, fee_micro_per_kwh=asked)


def on(book: OrderBook, lines: Lines | None, bus: np.ndarray | list[int], rates: Rates = NO_FEES) -> ClearingContext:
    """What a mechanism is told of a book whose orders are at these buses."""
    facts = OrderFacts.unknown(len(book)).replaced(bus=np.array(bus, np.int64))
    return replace(context(rates=rates), facts=facts, lines=lines)


def usage(lines: Lines, bus: np.ndarray) -> np.ndarray:
    """1 where a Wh from an order's bus goes over the line of a bus, shape (orders, buses)."""
    used = np.zeros((len(bus), len(lines)))
    for row, at in enumerate(bus.tolist()):
        while at >= 0 and lines.toward[at] >= 0:
            used[row, at] = 1
            at = int(lines.toward[at])
    return used


def flows_wh(lines: Lines, bus: np.ndarray, trades: Trades) -> np.ndarray:
    """What flows over the line of each bus towards the root."""
    used = usage(lines, bus).astype(np.int64)
    flow: np.ndarray = trades.energy_wh @ (used[trades.sell_order] - used[trades.buy_order])
    return flow


def flow_optimum(book: OrderBook, lines: Lines, bus: np.ndarray, cost: np.ndarray) -> float:
    """By energy balances of buses, with a flow up and a flow down each line: nothing of the package in it."""
    orders, buses = len(book), len(lines)
    balance = np.zeros((buses + 1, orders + 2 * buses))
    balance[bus, np.arange(orders)] = np.where(book.is_sell, 1, -1)
    for line in range(buses):
        for sign, column in ((1, orders + line), (-1, orders + buses + line)):
            balance[line, column] -= sign
            balance[lines.toward[line], column] += sign
    tolls = np.where(lines.toward < 0, 0, cost)
    objective = np.concatenate(
        (np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh), tolls, tolls)
    )
    room = [(0, None if root else int(most)) for root, most in zip(lines.toward < 0, lines.limit_wh, strict=True)]
    bounds = [*((0, int(e)) for e in book.energy_wh), *room, *room]
    solved = linprog(objective, A_eq=balance, b_eq=np.zeros(buses + 1), bounds=bounds, method="highs")
    assert solved.status == 0
    return -float(solved.fun)
