"""Rule `scheduled`: trades are firm; what was sold or bought and the meter does not show is imbalance with the supplier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.imbalance import BY_DIRECTION, IMBALANCES
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Readings, Statement
from commonwatt.core.registry import parameter
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.core.units import Ints, parts_per_million
from commonwatt.settlement._legs import Line, Rewarded, Supply, slot_statement, supply_lines
from commonwatt.settlement._registers import Registers
from commonwatt.settlement._rewards import Schedule, Scheme
from commonwatt.settlement._trades import Peers
from commonwatt.settlement.base import SettlementContext

_PAPER = "He 2025, Eqs. 6-9, 26"


@dataclass(frozen=True)
class Scheduled:
    """Trades are firm: what a member sold or bought and its meter does not show is imbalance."""

    needs: ClassVar[frozenset[str]] = frozenset({"readings", "orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    residual: str = parameter(
        "metered",
        doc="what an order without a partner is, unless it was withdrawn: a wish that the meter overrides, or firm with the supplier at the gate",
        choices=("metered", "gate"),
    )
    imbalance: str = parameter(
        BY_DIRECTION,
        doc="what imbalance costs: one price short and one long; those for who makes the community's imbalance larger and the tariff for who makes it smaller; or one for both, by the community's direction",
        choices=IMBALANCES,
    )
    reward_form: str = parameter(
        "proportional",
        doc="how forecasts are rewarded and penalised at the gate (never in ex_post)",
        choices=("none", "proportional", "band"),
        source=_PAPER,
    )
    reward_beta_micro_per_kwh: int = parameter(
        10_000, doc="reward for energy that came as ordered", unit="micro/kWh", low=0, high=2**31 - 1, source=_PAPER
    )
    penalty_gamma_micro_per_kwh: int = parameter(
        10_000, doc="penalty for energy that did not", unit="micro/kWh", low=0, high=2**31 - 1, source=_PAPER
    )
    tolerance_share: float = parameter(
        0.01,
        doc="width of the band in which a forecast counts as honest, of the order",
        low=0.0,
        high=1.0,
        source=_PAPER,
    )
    smoothing_share: float = parameter(
        1.0,
        doc="weight of the newest slot in a member's forecast error, the rest being the error before it; 1: each slot is judged by itself",
        low=0.001,
        high=1.0,
        source="He 2025, Algorithm 3",
    )
    rewards_fee_share: float = parameter(
        0.05,
        doc="part of the slot's grid and local fees, those of the way apart, that goes to the pool of rewards",
        low=0.0,
        high=1.0,
    )

    @property
    def error_weight_ppm(self) -> int:
        """Weight of the newest slot in members' forecast errors; `NOT_SMOOTHED`: nothing is remembered of slots before."""
        return NOT_SMOOTHED if self.reward_form == "none" else parts_per_million(self.smoothing_share)

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        """The statement of a slot, revision 0.

        Raises:
            BrokenPromise: timing `ex_post` and a trade of more than was metered.
            ConservationBroken: the pool's fills do not balance.

        """
        registers = Registers.of(readings, context)
        peers = Peers.of(book, agreement.trades, agreement.trades.energy_wh)
        sold, bought = peers.sold_wh(context.members), peers.bought_wh(context.members)
        supply = Supply.by_meter(sold, bought, registers.export_wh, registers.import_wh)
        if context.timing == "ex_post":
            registers.require_cover(sold, bought)
            return slot_statement(context, peers, supply_lines(supply, bought, context))
        schedule = Schedule.of(book, agreement, context.members)
        if self.residual == "gate":
            supply = _firm(supply, schedule, sold, bought, registers.net_wh)
        lines = supply_lines(supply, bought, context, self.imbalance)
        rewarded = self._rewarded(lines, schedule, registers.net_wh, context)
        return slot_statement(context, peers, lines, rewarded)

    def _rewarded(
        self, lines: list[Line], schedule: Schedule, net_wh: Ints, context: SettlementContext
    ) -> Rewarded | None:
        if self.reward_form == "none":
            return None
        scheme = Scheme(
            self.reward_form,
            self.reward_beta_micro_per_kwh,
            self.penalty_gamma_micro_per_kwh,
            self.tolerance_share,
            self.rewards_fee_share,
            self.error_weight_ppm,
        )
        earning, costing = scheme.energies(schedule, net_wh, context.errors_mwh)
        lines.append(scheme.penalty(costing))
        return scheme.rewarded(earning, lines, context.rewards_balance_nano)


def _firm(supply: Supply, schedule: Schedule, sold_wh: Ints, bought_wh: Ints, net_wh: Ints) -> Supply:
    """Residual `gate`: the unfilled rest of an order that stands is sold or bought at the gate, and all of ordered - metered is imbalance."""
    missing = schedule.net_wh - net_wh
    firm = schedule.stands
    return Supply(
        sell_wh=np.where(firm, schedule.sell_wh - sold_wh, supply.sell_wh),
        buy_wh=np.where(firm, schedule.buy_wh - bought_wh, supply.buy_wh),
        short_wh=np.where(firm, np.maximum(missing, 0), supply.short_wh),
        long_wh=np.where(firm, np.maximum(-missing, 0), supply.long_wh),
    )
