"""Capacity: what each connection and the community's shared wires carry, without a power flow."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Trades, Verdict
from commonwatt.core.registry import parameter
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Ints, parts_per_million, slot_energy_wh
from commonwatt.grid._cuts import POOL, balanced, cuts_of, within_limits
from commonwatt.grid.base import GridContext

MILLION: Final = 10**6


@dataclass(frozen=True)
class Capacity:
    """Limits per member and for the community as a whole; before delivery trades are cut to them, after it an excess is reported.

    What is cut, in whole Wh, every split by largest remainder with ties to the earlier trade:

    1. Connection: what a member sells or buys beyond its limit is taken from its trades pro rata; a trade between two members loses the
       larger of both cuts.
    2. Shared wires: where all members together are expected to inject more than `community_export_w` carries (or draw more than
       `community_import_w`), every Wh is curtailed alike, traded or not: the trades keep limit / expected of their energy.
    3. Pool: where one side of the trades with the pool lost less than the other, it gives the difference pro rata, so that as much is
       sold as bought.

    A cut takes a trade back; it switches nobody off, and energy that flows anyway is the supplier's. No losses, no voltages.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    connection_share: float = parameter(
        1.0, doc="part of each member's connection_w that may be used", low=0.0, high=1.0
    )
    community_import_w: int = parameter(
        0, doc="most that all members together may draw from the community's wires; 0: no limit", unit="W", low=0
    )
    community_export_w: int = parameter(
        0, doc="most that all members together may inject into the community's wires; 0: no limit", unit="W", low=0
    )

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Feasible; or curtailed, with the Wh cut of each trade; or, of a slot that was delivered, infeasible with the reason."""
        limit_wh = self._connection_wh(context)
        if context.ordered_wh is not None:
            net_wh = context.ordered_wh
        excesses = self._excesses(net_wh, limit_wh, context.slot_s)
        if context.is_delivered:
            return GridVerdict(Verdict.INFEASIBLE if excesses else Verdict.FEASIBLE, reason="; ".join(excesses))
        left_wh = self._left_wh(net_wh, book, agreement.trades, limit_wh, context.slot_s)
        cuts = cuts_of(agreement.trades, left_wh)
        return GridVerdict(
            Verdict.CURTAILED if cuts else Verdict.FEASIBLE,
            curtailed_wh=cuts,
            reason="; ".join(excesses) if cuts else "",
        )

    def _connection_wh(self, context: GridContext) -> Ints:
        usable_w = context.fleet.connection_w * parts_per_million(self.connection_share) // MILLION
        return slot_energy_wh(usable_w, context.slot_s)

    def _shared(self, net_wh: Ints, slot_s: int) -> list[tuple[str, int, int]]:
        """What the members send into and take from the shared wires, Wh, and the limit of each where there is one."""
        injected, drawn = int(np.maximum(net_wh, 0).sum()), int(np.maximum(-net_wh, 0).sum())
        flows = (("injected", injected, self.community_export_w), ("drawn", drawn, self.community_import_w))
        return [(verb, flow, slot_energy_wh(limit_w, slot_s)) for verb, flow, limit_w in flows if limit_w]

    def _excesses(self, net_wh: Ints, limit_wh: Ints, slot_s: int) -> list[str]:
        over = np.abs(net_wh) - limit_wh
        beyond = int((over > 0).sum())
        words = [f"{beyond} connections beyond their limit, by up to {over.max()} Wh"] if beyond else []
        return words + [
            f"{flow} Wh {verb} where {most} Wh are carried"
            for verb, flow, most in self._shared(net_wh, slot_s)
            if flow > most
        ]

    def _left_wh(self, net_wh: Ints, book: OrderBook, trades: Trades, limit_wh: Ints, slot_s: int) -> Ints:
        """What is left of each trade."""
        sides = (trades.sell_order, trades.buy_order)
        left = np.minimum(*(within_limits(trades.energy_wh, side, book, limit_wh) for side in sides))
        for _, flow, most in self._shared(net_wh, slot_s):
            if flow > most:
                left = np.minimum(left, _alike(trades, most, flow))
        return balanced(left, trades)


def _alike(trades: Trades, most_wh: int, flow_wh: int) -> Ints:
    """Each side's trades, cut to most / flow of what they were."""
    left = trades.energy_wh.copy()
    for rows in (trades.sell_order != POOL, trades.buy_order != POOL):
        energy = trades.energy_wh[rows]
        if len(energy):
            left[rows] = np.minimum(left[rows], largest_remainder(int(energy.sum()) * most_wh // flow_wh, energy))
    return left
