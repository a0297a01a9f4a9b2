"""Matching by price, trust, budgets, pair capacities and the cost of a trade: a linear or mixed-integer programme (preset `pbet-chain`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.clearing._matching import Places, kept_apart, large_first, matched, unserved
from commonwatt.clearing._pair_programme import LineRoom, PairProgramme
from commonwatt.clearing._tree import Met, TreeFlow, tree_flow
from commonwatt.clearing.base import ClearingContext, Duals, Lines, OrderFacts
from commonwatt.core.errors import SlotFailed
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.units import ENERGY_LIMIT_WH, Flags, Floats, Ints, midpoint_micro_per_kwh

_MOST_PAIRS: Final = 300_000
"""Admissible pairs of a programme; with a cost of a trade a hundredth of it."""


@dataclass(frozen=True)
class MultiCriteria:
    """The trades of largest weighted buyers' surplus within every gate and limit, as in PBET-Chain (2026), Eqs. 7 to 12.

    Maximise `sum (v_j - alpha p_ij - beta l_ij + gamma rho_i) x_ij - c n` over whole Wh x_ij: v_j the buyer's limit, p_ij the price of the
    pair, l_ij the losses of the lines between them, rho_i the seller's trust (0 where nobody rates), n the number of trades, c = C_tx +
    lambda tau (Eq. 6's latency is the same for every trade). Subject to every order's energy, the capacity T_ij of each pair (`pair_capacity_wh`,
    and the weakest line between them), every line for all pairs together, buyers' budgets (what they pay), a proof of the seller's meter,
    `rho_i >= rho_min` and `ask_i <= p_ij <= v_j`; each side of a pair pays the fees of its way to where both meet, and p_ij is the price there. Erratum: the print minimises the same terms without v_j, and its minimum is no trade at all.

    A linear programme over admissible pairs (HiGHS), a mixed-integer one where a trade costs something; its optimum is made whole Wh within every
    constraint, at most a Wh a pair of a buyer with a budget below it. Prices are transfers: this is not welfare, except as it stands (p_ij the midpoint, alpha 1,
    the rest 0, nothing bound), where both have the same optimum, which is then matched by limits without a programme for books of any size.

    With `price = "nodal"` it is welfare, `sum (v_j - ask_i - beta l_ij - fees) x_ij`, for books of any size: merit orders merged along the feeder's
    tree (`_tree`), whole Wh by themselves. A pair trades half way between the prices of both buses, less what each pays on its way; they differ
    where a line is full, costs or loses something; alpha, gamma, the cost of a trade and the capacity of a pair have no say, a budget that could bind
    is refused.

    Holds every promise as it stands; other weights, gates, budgets and lines give up welfare. A book of more than 300 000 admissible pairs that
    needs a programme (3000 where a trade costs something) is refused; a search that ends before it is sure says so in the agreement's note.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()
    takes_lines: ClassVar[bool] = True
    package: ClassVar[tuple[str, str]] = ("scipy", "optimum")

    price: str = parameter(
        "midpoint",
        doc="the price of a pair: half way between its limits, what the pricing policy says of it, or from the prices of its buses",
        choices=("midpoint", "policy", "nodal"),
        source="midpoint: the offers' side and the bids' side gain the same",
    )
    alpha: float = parameter(
        1.0,
        doc="weight of the price a buyer pays",
        low=0.0,
        high=2.0,
        source="PBET-Chain (2026), Eq. 7; 1: buyers' surplus",
    )
    beta_micro_per_kwh: float = parameter(
        0.0,
        doc="what a kWh lost between seller and buyer is worth",
        unit="micro/kWh",
        low=0.0,
        high=1e9,
        source="PBET-Chain (2026), Eq. 7",
    )
    gamma_micro_per_kwh: float = parameter(
        0.0,
        doc="what a seller's trust of 1 is worth",
        unit="micro/kWh",
        low=0.0,
        high=1e9,
        source="PBET-Chain (2026), Eq. 7",
    )
    trade_cost_nano: int = parameter(
        0,
        doc="what every trade costs, C_tx + lambda tau",
        unit="nano",
        low=0,
        high=10**15,
        source="PBET-Chain (2026), Eqs. 6, 7",
    )
    least_trust: float = parameter(
        0.0,
        doc="sellers rated below it do not trade, rho_min",
        low=0.0,
        high=5.0,
        source="PBET-Chain (2026), Eq. 12; 0: no gate",
    )
    pair_capacity_wh: int = parameter(
        ENERGY_LIMIT_WH - 1,
        doc="the most that one pair may trade, T_ij",
        unit="Wh",
        low=1,
        high=ENERGY_LIMIT_WH - 1,
        source="PBET-Chain (2026), Eq. 10; as it stands: no capacity",
    )

    most_nodes: int = parameter(
        20_000,
        doc="nodes after which the search for the best trades ends, where a trade costs something",
        unit="nodes",
        low=1,
        high=10**7,
        source="a count and not a time, so that the same book has the same answer",
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades, cheapest offer and highest bid first.

        Raises:
            SlotFailed: too many admissible pairs for a programme, or a solver without an answer.

        """
        facts = context.facts_of(book)
        gated, admitted = self._admitted(book, facts)
        bus, lines = context.buses_of(facts), context.lines or Lines.none()
        spent, note = np.zeros(0, np.int64), ""
        if self.price == "nodal":
            flow = self._nodal(admitted, facts, context)
            sell, buy, energy_wh = flow.sell, flow.buy, flow.energy_wh
            met = Met.of(flow, bus, lines)
            price, fees = midpoint_micro_per_kwh(met.asked, met.offered), (met.sell_fee, met.buy_fee)
        elif self._is_by_limits(admitted, facts, context):
            sell, buy, energy_wh = matched(admitted, admitted.energy_wh.copy(), *large_first(admitted))
            price = midpoint_micro_per_kwh(book.limit_micro_per_kwh[sell], book.limit_micro_per_kwh[buy])
            fees = lines.fees(bus[sell], bus[buy])
        else:
            programme = self._programme(admitted, facts, context)
            solution = programme.solved()
            spent, traded, note = programme.spent(solution.x_wh), np.flatnonzero(solution.x_wh), solution.note
            sell, buy, energy_wh = programme.sell[traded], programme.buy[traded], solution.x_wh[traded]
            fees = lines.fees(bus[sell], bus[buy])
            price = programme.price[traded] - fees[1]
        places = None if context.lines is None else Places(lines, bus)
        rest = unserved(admitted, places)
        rest[spent] = int(Reason.BUDGET)
        rest[gated] = int(Reason.TRUST)
        trades = Trades.at_one_price(sell, buy, energy_wh, price, np.ones(len(sell), np.int8))
        trades = trades.with_fees(*fees)
        return with_filled(book, trades, kept_apart(admitted, trades, rest, places), note)

    def duals(self, book: OrderBook, context: ClearingContext) -> Duals:
        """Of the linear programme (a trade's cost left out), or of the flow on the feeder with the prices of its buses and lines.

        Raises:
            SlotFailed: as `clear`; too many pairs also where `clear` needs no programme.

        """
        facts = context.facts_of(book)
        admitted = self._admitted(book, facts)[1]
        if self.price != "nodal":
            return self._programme(admitted, facts, context).duals()
        flow = self._nodal(admitted, facts, context)
        own, limit = flow.price_micro_per_kwh[context.buses_of(facts)], book.limit_micro_per_kwh
        gain = np.maximum(np.where(book.is_sell, own - limit, limit - own), 0) * (admitted.energy_wh > 0)
        return Duals(
            gain.astype(np.float64),
            bus_micro_per_kwh=flow.price_micro_per_kwh[:-1].astype(np.float64),
            line_micro_per_kwh=flow.line_micro_per_kwh.astype(np.float64),
        )

    def _admitted(self, book: OrderBook, facts: OrderFacts) -> tuple[Flags, OrderBook]:
        """Whom the gates of trust and proof keep out, and the book without their energy."""
        gated = book.is_sell & ((facts.trust < self.least_trust) | ~facts.is_proven)
        return gated, book.replaced(energy_wh=np.where(gated, 0, book.energy_wh)) if gated.any() else book

    def _nodal(self, book: OrderBook, facts: OrderFacts, context: ClearingContext) -> TreeFlow:
        if self._could_bind(book, facts).any():
            raise SlotFailed("multi_criteria: expected no budget that could bind with nodal prices, was one")
        lines = context.lines or Lines.none()
        cost = np.round(self.beta_micro_per_kwh * lines.loss_share).astype(np.int64) + lines.fee_micro_per_kwh
        rows = _by_content(book, facts)
        flow = tree_flow(book.take(rows), context.buses_of(facts)[rows], lines, cost)
        return TreeFlow(
            rows[flow.sell], rows[flow.buy], flow.energy_wh, flow.price_micro_per_kwh, flow.line_micro_per_kwh
        )

    def _could_bind(self, book: OrderBook, facts: OrderFacts) -> Flags:
        """Whose budget could bind: nobody pays more than its limit, so a budget of limit x energy never does."""
        most_nano = np.where(book.is_sell, 0, np.maximum(book.limit_micro_per_kwh, 0) * book.energy_wh)
        return most_nano > facts.budget_nano

    def _is_by_limits(self, book: OrderBook, facts: OrderFacts, context: ClearingContext) -> bool:
        """Whether the objective grows with (bid - ask) alone and no constraint joins pairs: the best limits are then the optimum."""
        is_plain = self.price == "midpoint" and self.alpha == 1 and not self.gamma_micro_per_kwh
        is_free = not self.trade_cost_nano and self.pair_capacity_wh >= int(book.energy_wh.max(initial=0))
        return is_plain and is_free and context.lines is None and not self._could_bind(book, facts).any()

    def _programme(self, book: OrderBook, facts: OrderFacts, context: ClearingContext) -> PairProgramme:
        rows = _by_content(book, facts)
        sells, buys = rows[book.is_sell[rows]], rows[~book.is_sell[rows]]
        limit = book.limit_micro_per_kwh
        # Sellers ascend: a buyer can agree with the first so many of them.
        reach = np.searchsorted(limit[sells], limit[buys], side="right")
        most = _MOST_PAIRS // 100 if self.trade_cost_nano else _MOST_PAIRS
        if int(reach.sum()) > most:
            raise SlotFailed(
                f"multi_criteria: expected at most {most} pairs whose limits agree, was {int(reach.sum())}"
            )
        buy = np.repeat(buys, reach)
        sell = sells[np.arange(len(buy)) - np.repeat(np.cumsum(reach) - reach, reach)]
        lines, bus = context.lines or Lines.none(), context.buses_of(facts)
        sell_fee, buy_fee = lines.fees(bus[sell], bus[buy])
        # Limits where both meet.
        ask, bid = limit[sell] + sell_fee, limit[buy] - buy_fee
        agree = ask <= bid
        sell, buy, ask, bid, buy_fee = (column[agree] for column in (sell, buy, ask, bid, buy_fee))
        price = (
            midpoint_micro_per_kwh(ask, bid) if self.price == "midpoint" else context.priced(book, ask, bid, sell, buy)
        )
        trust = np.nan_to_num(facts.trust[sell])
        paid = _as_weighed(self.price, ask, bid, price) + buy_fee
        weight = limit[buy] - self.alpha * paid + self.gamma_micro_per_kwh * trust
        capacity_wh = np.full(len(sell), self.pair_capacity_wh)
        if len(lines):
            carried_wh, lost = _between_buses(lines, bus[sell], bus[buy])
            weight, capacity_wh = weight - self.beta_micro_per_kwh * lost, np.minimum(capacity_wh, carried_wh)
        gains: Flags = weight >= 0
        return PairProgramme(
            book=book,
            budget_nano=facts.budget_nano,
            sell=sell[gains],
            buy=buy[gains],
            price=(price + buy_fee)[gains],
            weight=weight[gains],
            capacity_wh=capacity_wh[gains],
            trade_cost_nano=self.trade_cost_nano,
            most_nodes=self.most_nodes,
            lines=LineRoom.of(lines, bus[sell[gains]], bus[buy[gains]]) if len(lines) else None,
        )


def _between_buses(lines: Lines, begin: Ints, end: Ints) -> tuple[Ints, Floats]:
    """`Lines.paths`, once for each two buses."""
    buses = len(lines) + 1
    both, pair = np.unique((begin + 1) * buses + end + 1, return_inverse=True)
    least_wh, lost = lines.paths(both // buses - 1, both % buses - 1)
    return least_wh[pair], lost[pair]


def _as_weighed(form: str, ask: Ints, bid: Ints, price: Ints) -> Floats:
    """The price in the objective: the midpoint before it is rounded, so that rounding decides nothing."""
    return (ask + bid) / 2 if form == "midpoint" else price.astype(np.float64)


def _by_content(book: OrderBook, facts: OrderFacts) -> Ints:
    """Rows with energy, offers ascending, bids descending, then by all that the programme knows of them: arrival decides nothing."""
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    trust = np.where(np.isnan(facts.trust), 0, facts.trust)
    rows = np.lexsort((book.member, facts.bus, facts.budget_nano, trust, -book.energy_wh, cost))
    return rows[book.energy_wh[rows] > 0]
