"""Rule `delivered`: trades shrink to what both meters show; the rest is supplied and fed in at the tariff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Leg, Readings, Statement
from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints
from commonwatt.settlement._compensation import missed_wh
from commonwatt.settlement._delivery import ALLOCATIONS, delivered_wh, queue, served_wh
from commonwatt.settlement._legs import Line, Rewarded, Supply, slot_statement, supply_lines
from commonwatt.settlement._registers import Registers
from commonwatt.settlement._trades import Peers
from commonwatt.settlement.base import SettlementContext


@dataclass(frozen=True)
class Delivered:
    """Trades shrink to what was metered; what a seller sold and did not export costs a penalty."""

    needs: ClassVar[frozenset[str]] = frozenset({"readings", "orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    allocation: str = parameter(
        "pro_rata",
        doc="who gets delivered energy that does not suffice: everybody a part, the earliest orders first, or by priority (round of the clearing, highest bid, lowest ask)",
        choices=ALLOCATIONS,
    )
    penalty_gamma_micro_per_kwh: int = parameter(
        10_000,
        doc="penalty for energy sold and not exported, without which phantom offers crowd out honest sellers at no cost",
        unit="micro/kWh",
        low=0,
        high=2**31 - 1,
    )
    penalty_to: str = parameter(
        "rewards",
        doc="whose penalties are: they stay in the pool of rewards, or go to who had bought that energy and took it from its supplier instead",
        choices=("rewards", "buyers"),
        source="Zulfiqar et al.: the deposit is slashed to the purchaser",
    )

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        """The statement of a slot, revision 0; penalties go to the pool of rewards, and from there to buyers where `penalty_to` says so.

        Raises:
            BrokenPromise: timing `ex_post` and a trade of more than was metered.
            ConservationBroken: the pool's fills do not balance.

        """
        registers = Registers.of(readings, context)
        agreed = Peers.of(book, agreement.trades, agreement.trades.energy_wh)
        offered = agreed.sold_wh(context.members)
        if context.timing == "ex_post":
            registers.require_cover(offered, agreed.bought_wh(context.members))
            peers = agreed
        else:
            peers = replace(agreed, energy_wh=self._moved_wh(book, agreement, agreed, registers))
        bought = peers.bought_wh(context.members)
        supply = Supply.by_meter(peers.sold_wh(context.members), bought, registers.export_wh, registers.import_wh)
        # A seller answers for its own meter only, not for a buyer who did not use what it bought.
        phantom = np.maximum(offered - registers.export_wh, 0)
        lines = supply_lines(supply, bought, context)
        lines.append(Line(Leg.PENALTY, phantom, self.penalty_gamma_micro_per_kwh, -1))
        if self.penalty_to == "rewards":
            return slot_statement(context, peers, lines)
        missed = missed_wh(agreed, peers.energy_wh, phantom, supply.buy_wh)
        gamma = self.penalty_gamma_micro_per_kwh
        return slot_statement(context, peers, lines, Rewarded(missed, gamma, missed * gamma, 0))

    def _moved_wh(self, book: OrderBook, agreement: Agreement, agreed: Peers, registers: Registers) -> Ints:
        if self.allocation == "pro_rata":
            return delivered_wh(agreed, registers.export_wh, registers.import_wh)
        order = queue(self.allocation, book, agreement.trades)
        return served_wh(agreed, registers.export_wh, registers.import_wh, order)
