"""Matching by price, trust, budgets, pair capacities and the cost of a trade: a linear or mixed-integer programme (preset `pbet-chain`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.clearing._matching import large_first, matched, unserved
from commonwatt.clearing._pair_programme import PairProgramme, ShadowPrices
from commonwatt.clearing.base import ClearingContext, OrderFacts
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

    Maximise `sum (v_j - alpha p_ij + gamma rho_i) x_ij - c n` over whole Wh x_ij: v_j the buyer's limit, p_ij the price of the pair, rho_i the
    seller's trust (0 where nobody rates), n the number of trades, c = C_tx + lambda tau (Eq. 6's latency is the same for every trade). Subject
    to every order's energy, a capacity of each pair, buyers' budgets (what they pay), `rho_i >= rho_min` and `ask_i <= p_ij <= v_j`.
    Erratum: the print minimises the same terms without v_j, and its minimum is no trade at all.

    A linear programme over admissible pairs (HiGHS), a mixed-integer one where a trade costs something; its optimum is made whole Wh within every
    constraint, at most a Wh a pair of a buyer with a budget below it. Prices are transfers: this is not welfare, except as it stands (p_ij the midpoint, alpha 1,
    the rest 0, nothing bound), where both have the same optimum, which is then matched by limits without a programme for books of any size.

    Holds every promise as it stands; other weights, gates and budgets give up welfare. Not looked at: losses and line capacities (no
    feeder reaches a mechanism yet), proofs of meters. A book of more than 300 000 admissible pairs that needs a programme (3000 where a trade
    costs something) is refused.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    price: str = parameter(
        "midpoint",
        doc="the price of a pair: half way between its limits, or what the pricing policy says of it",
        choices=("midpoint", "policy"),
        source="midpoint: the offers' side and the bids' side gain the same",
    )
    alpha: float = parameter(
        1.0,
        doc="weight of the price a buyer pays",
        low=0.0,
        high=2.0,
        source="PBET-Chain (2026), Eq. 7; 1: buyers' surplus",
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

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades, cheapest offer and highest bid first.

        Raises:
            SlotFailed: too many admissible pairs for a programme, or a solver without an answer.

        """
        facts = context.facts or OrderFacts.unknown(len(book))
        gated = book.is_sell & (facts.trust < self.least_trust)
        admitted = book.replaced(energy_wh=np.where(gated, 0, book.energy_wh))
        spent = np.zeros(0, np.int64)
        if self._is_by_limits(admitted, facts):
            sell, buy, energy_wh = matched(admitted, admitted.energy_wh.copy(), *large_first(admitted))
            price = midpoint_micro_per_kwh(book.limit_micro_per_kwh[sell], book.limit_micro_per_kwh[buy])
        else:
            programme = self._programme(admitted, facts, context)
            x_wh, _ = programme.solved()
            spent, traded = programme.spent(x_wh), np.flatnonzero(x_wh)
            sell, buy, energy_wh = programme.sell[traded], programme.buy[traded], x_wh[traded]
            price = programme.price[traded]
        rest = unserved(admitted)
        rest[spent] = int(Reason.BUDGET)
        rest[gated] = int(Reason.TRUST)
        return with_filled(book, Trades(sell, buy, energy_wh, price, price, np.ones(len(sell), np.int8)), rest)

    def shadow_prices(self, book: OrderBook, context: ClearingContext) -> ShadowPrices:
        """The duals of the linear programme (a trade's cost left out): what one more Wh of an order, one more nano of a budget is worth.

        Raises:
            SlotFailed: as `clear`.

        """
        facts = context.facts or OrderFacts.unknown(len(book))
        gated = book.is_sell & (facts.trust < self.least_trust)
        admitted = book.replaced(energy_wh=np.where(gated, 0, book.energy_wh))
        return self._programme(admitted, facts, context).shadow_prices()

    def _is_by_limits(self, book: OrderBook, facts: OrderFacts) -> bool:
        """Whether the objective grows with (bid - ask) alone and no constraint joins pairs: the best limits are then the optimum."""
        is_plain = self.price == "midpoint" and self.alpha == 1 and not self.gamma_micro_per_kwh
        is_free = not self.trade_cost_nano and self.pair_capacity_wh >= int(book.energy_wh.max(initial=0))
        # Nobody pays more than its limit, so a budget of limit x energy never binds.
        most_nano = np.where(book.is_sell, 0, np.maximum(book.limit_micro_per_kwh, 0) * book.energy_wh)
        return is_plain and is_free and bool((most_nano <= facts.budget_nano).all())

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
        ask, bid = limit[sell], limit[buy]
        price = (
            midpoint_micro_per_kwh(ask, bid) if self.price == "midpoint" else context.priced(book, ask, bid, sell, buy)
        )
        trust = np.nan_to_num(facts.trust[sell])
        weight = bid - self.alpha * _as_weighed(self.price, ask, bid, price) + self.gamma_micro_per_kwh * trust
        gains: Flags = weight >= 0
        return PairProgramme(
            book=book,
            budget_nano=facts.budget_nano,
            sell=sell[gains],
            buy=buy[gains],
            price=price[gains],
            weight=weight[gains],
            capacity_wh=self.pair_capacity_wh,
            trade_cost_nano=self.trade_cost_nano,
        )


def _as_weighed(form: str, ask: Ints, bid: Ints, price: Ints) -> Floats:
    """The price in the objective: the midpoint before it is rounded, so that rounding decides nothing."""
    return (ask + bid) / 2 if form == "midpoint" else price.astype(np.float64)


def _by_content(book: OrderBook, facts: OrderFacts) -> Ints:
    """Rows with energy, offers ascending, bids descending, then by all that the programme knows of them: arrival decides nothing."""
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    rows = np.lexsort((facts.budget_nano, np.nan_to_num(facts.trust), -book.energy_wh, cost))
    return rows[book.energy_wh[rows] > 0]
