"""The metrics of a comparison: one definition each, from sums over days, so that resampled days give resampled metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.core.units import Floats
from commonwatt.services.comparison.outcome import Outcome
from commonwatt.services.reporting.members import jain as jain

WHOLE: Final = ("_wh", "_nano", "_micro_per_kwh", "_slots", "members_worse_off", "members_better_off", "transactions")
"""Ends of the names of metrics that are whole numbers."""

_SIGNED_SHARES: Final = ("cost_saving_share", "revenue_gain_share", "efficiency_share")
"""Shares that may be negative or above 1: what is traded on wrong forecasts may do harm."""


class Sums:
    """Sums over one or more periods, each given by how often every day counts; arrays have a row a period."""

    def __init__(self, outcome: Outcome, weights: Floats) -> None:
        self._outcome = outcome
        self._weights = weights
        members = len(outcome.members)
        cost, baseline = (
            np.array(rows, np.float64).reshape(len(outcome.days), members)
            for rows in (outcome.cost_nano, outcome.baseline_nano)
        )
        self.cost_nano: Floats = weights @ cost
        """Shape (periods, members)."""
        self.baseline_nano: Floats = weights @ baseline
        self.saving_nano: Floats = self.baseline_nano - self.cost_nano

    def __getitem__(self, name: str) -> Floats:
        """A figure of `Outcome.sums`, shape (periods,)."""
        return np.asarray(self._weights @ np.array(self._outcome.sums[name], np.float64))

    def total(self, name: str) -> Floats:
        """A figure of the whole run, known for the run as it was only: nan for any other period."""
        value = self._outcome.totals.get(name)
        is_the_run = (self._weights == 1).all(axis=1)
        return np.where(is_the_run, np.nan if value is None else float(value), np.nan)


@dataclass(frozen=True)
class Metric:
    """A figure of a design; its name says the unit."""

    name: str
    says: str
    of: Callable[[Sums], Floats]
    better: str = ""
    """`higher` or `lower`, where one is."""
    title: str = ""
    """What the page calls it."""

    @property
    def is_whole(self) -> bool:
        """Whether values are whole numbers, which intervals are rounded to."""
        return self.name.endswith(WHOLE)

    def bounds(self, members: int) -> tuple[float, float]:
        """The least and the most that it can be: energy and counts are not negative, a part is no more than the whole."""
        if self.name.startswith("members_"):
            return 0.0, float(members)
        if self.name.endswith("_share") and self.name not in _SIGNED_SHARES:
            return 0.0, 1.0
        return (0.0 if self.name.endswith(("_wh", "_slots", "_ratio")) else -np.inf), np.inf


def ratio(part: Floats, whole: Floats, empty: float = np.nan) -> Floats:
    """Part / whole, `empty` where there is no whole."""
    return np.where(whole != 0, part / np.where(whole != 0, whole, 1), empty)


def _saving_share(s: Sums) -> Floats:
    payers = s.baseline_nano > 0
    return ratio((s.saving_nano * payers).sum(axis=1), (s.baseline_nano * payers).sum(axis=1), 0.0)


def _revenue_gain(s: Sums) -> Floats:
    earners = s.baseline_nano < 0
    return ratio((s.cost_nano * earners).sum(axis=1), (s.baseline_nano * earners).sum(axis=1), 1.0) - 1


def _price_mean(s: Sums) -> Floats:
    return ratio(s["paid_nano"], s["priced_wh"])


def _price_std(s: Sums) -> Floats:
    squares = ratio(s["price_squares"], s["priced_wh"])
    return np.sqrt(np.maximum(squares - _price_mean(s) ** 2, 0))


def _sum(name: str) -> Callable[[Sums], Floats]:
    return lambda s: s[name]


def _total(name: str) -> Callable[[Sums], Floats]:
    return lambda s: s.total(name)


def _nothing(s: Sums) -> Floats:
    return np.full(len(s.cost_nano), np.nan)


METRICS: Final[Sequence[Metric]] = (
    Metric("saving_nano", "baseline - cost, all members together", lambda s: s.saving_nano.sum(axis=1), "higher", "Saved together"),
    Metric("cost_nano", "all statement legs, sign turned", lambda s: s.cost_nano.sum(axis=1), "lower", "Bills together"),
    Metric("baseline_nano", "the same meters without a market, at retail with fees and taxes, and feed-in", lambda s: s.baseline_nano.sum(axis=1), "", "Bills without a market"),
    Metric("cost_saving_share", "saving / baseline of the members who pay without a market", _saving_share, "higher", "Payers save"),
    Metric("revenue_gain_share", "revenue / baseline revenue - 1 of the members who earn without a market", _revenue_gain, "higher", "Earners gain"),
    Metric("members_better_off", "members whose cost is below their baseline", lambda s: (s.saving_nano > 0).sum(axis=1).astype(float), "higher", "Members better off"),
    Metric("members_worse_off", "members whose cost is above their baseline", lambda s: (s.saving_nano < 0).sum(axis=1).astype(float), "lower", "Members who pay more"),
    Metric("saving_min_nano", "saving of the member who gains least or loses most", lambda s: s.saving_nano.min(axis=1, initial=np.inf), "higher", "Least saving of a member"),
    Metric("saving_median_nano", "saving of the middle member", lambda s: np.median(s.saving_nano, axis=1), "higher", "Median saving of a member"),
    Metric("saving_max_nano", "saving of the member who gains most", lambda s: s.saving_nano.max(axis=1, initial=-np.inf), "", "Largest saving of a member"),
    Metric("benefit_jain_share", "Jain's index of the savings, losses as 0; 1: all alike", lambda s: jain(s.saving_nano), "higher", "Evenness of the gains (Jain)"),
    Metric("traded_wh", "agreed between members, sell side", _sum("traded_wh"), "", "Traded"),
    Metric("delivered_wh", "settled between members", _sum("delivered_wh"), "", "Settled between members"),
    Metric("backed_wh", "settled between members and shown by both meters", _sum("backed_wh"), "higher", "Traded and metered"),
    Metric("unsold_surplus_share", "1 - backed / export registers", lambda s: 1 - ratio(s["backed_wh"], s["offered_wh"]), "lower", "Surplus not sold to neighbours"),
    Metric("imported_wh", "physical, through the feeder", _sum("imported_wh"), "lower", "Taken from the grid"),
    Metric("exported_wh", "physical, through the feeder", _sum("exported_wh"), "", "Sent to the grid"),
    Metric("losses_wh", "in the wires; 0 without a model of them", _sum("losses_wh"), "lower", "Lost in the wires"),
    Metric("scheduled_violation_slots", "slots at whose gate the schedule passed a limit of the wires, cuts aside", _sum("scheduled_violation_slots"), "lower", "Slots agreed beyond a limit"),
    Metric("metered_violation_slots", "slots in which what was metered passed a limit of the wires", _sum("metered_violation_slots"), "lower", "Slots metered beyond a limit"),
    Metric("curtailed_wh", "of trades, cut by the grid at the gate, sell side", _sum("curtailed_wh"), "lower", "Cut by the grid"),
    Metric("curtailed_pv_wh", "what inverters held back to keep export caps; the baseline is on the same meters and does not have it either", _sum("curtailed_pv_wh"), "lower", "PV held back"),
    Metric("self_sufficiency_share", "1 - imported / (load + losses), at least 0", lambda s: np.maximum(0, 1 - ratio(s["imported_wh"], s["load_wh"] + s["losses_wh"], 1.0)), "higher", "Self-sufficiency"),
    Metric("self_consumption_share", "1 - exported / generated, at least 0", lambda s: np.maximum(0, 1 - ratio(s["exported_wh"], s["generated_wh"], 1.0)), "higher", "Self-consumption"),
    Metric("supplier_sold_wh", "commercial: what statements say the supplier sold", _sum("supplier_sold_wh"), "", "Sold by the supplier"),
    Metric("supplier_bought_wh", "commercial: what statements say the supplier bought", _sum("supplier_bought_wh"), "", "Bought by the supplier"),
    Metric("welfare_nano", "what the traded energy is worth to buyers less what it costs sellers, at the submitted limits", _sum("welfare_nano"), "higher", "Welfare of the orders"),
    Metric("optimum_welfare_nano", "the most that any trades of these orders could reach", _sum("optimum_welfare_nano"), "", "Optimum of the orders"),
    Metric("clearing_efficiency_share", "welfare / optimum of the submitted orders; an optimum of 0 gives 1", lambda s: ratio(s["welfare_nano"], s["optimum_welfare_nano"], 1.0), "higher", "Efficiency of the clearing"),
    Metric("true_welfare_nano", "welfare of the metered trades at the members' true limits", _sum("true_welfare_nano"), "higher", "Welfare of the members"),
    Metric("true_optimum_welfare_nano", "the most that any trades of the metered positions could reach", _sum("true_optimum_welfare_nano"), "", "Optimum of the members"),
    Metric("efficiency_share", "true welfare / true optimum; an optimum of 0 gives 1", lambda s: ratio(s["true_welfare_nano"], s["true_optimum_welfare_nano"], 1.0), "higher", "Efficiency for the members"),
    Metric("price_mean_micro_per_kwh", "between neighbours, fees left out, weighted by energy", _price_mean, "", "Price between neighbours"),
    Metric("price_std_micro_per_kwh", "its standard deviation, weighted by energy", _price_std, "", "Spread of the price"),
    Metric("price_min_micro_per_kwh", "lowest price of a trade", _total("price_min_micro_per_kwh"), "", "Lowest price"),
    Metric("price_max_micro_per_kwh", "highest price of a trade", _total("price_max_micro_per_kwh"), "", "Highest price"),
    Metric("imbalance_wh", "sold and not there, or bought and not used", _sum("imbalance_wh"), "lower", "Imbalance"),
    Metric("imbalance_cost_nano", "what members paid for it, fees left out", _sum("imbalance_cost_nano"), "lower", "Cost of imbalance"),
    Metric("way_fees_nano", "fees by location, paid by both sides of trades", _sum("way_fees_nano"), "", "Fees by location"),
    Metric("penalty_nano", "penalties paid", _sum("penalty_nano"), "", "Penalties"),
    Metric("reward_nano", "rewards paid out", _sum("reward_nano"), "", "Rewards"),
    Metric("forecast_cost_nano", "what trading on forecasts cost against trading after delivery", _total("forecast_cost_nano"), "lower", "Cost of forecasts"),
    Metric("peak_to_average_ratio", "largest import of a day over its mean, mean of the days with any import", lambda s: ratio(s["peak_ratios"], s["peak_days"]), "lower", "Peak to average of the import"),
    Metric("line_loading_max_share", "largest loading of a line or of the transformer, metered", _total("line_loading_max_share"), "lower", "Line loading"),
    Metric("infeasible_slots", "slots in which what was metered passed a limit of the grid", _total("infeasible_slots"), "lower", "Grid limits passed"),
    Metric("metered_voltage_violations", "buses outside the band of voltages by what was metered, slot by slot", _total("metered_voltage_violations"), "lower", "Voltage violations"),
    Metric("curtailed_slots", "slots in which the grid cut trades", _total("curtailed_slots"), "lower", "Trades cut"),
    Metric("failed_slots", "slots whose trades were void", _total("failed_slots"), "lower", "Failed slots"),
    Metric("transactions", "transactions on the ledger", _total("transactions"), "lower", "Transactions"),
    Metric("gas_per_trade", "gas of all transactions / rows of trades", _total("gas_per_trade"), "lower", "Gas a trade"),
    Metric("bytes_per_trade", "bytes of all transactions after the foundation / rows of trades", _total("bytes_per_trade"), "lower", "Bytes a trade"),
    Metric("trust_accuracy_share", "planted unreliable sellers that trust tells from the others", _nothing, "higher", "Accuracy of trust"),
    Metric("false_trust_share", "planted unreliable sellers that are trusted", _nothing, "lower", "False trust"),
    Metric("energy_mismatch_wh", "the check of energy; must be 0", _total("energy_mismatch_wh"), "lower", "Energy mismatch"),
    Metric("money_mismatch_nano", "the check of money; must be 0", _total("money_mismatch_nano"), "lower", "Money mismatch"),
)  # fmt: skip
"""In the order of the table. A value may be missing (nan): nothing was traded, or no room of this version measures it."""

UNMEASURED: Final = {
    "trust_accuracy_share": "needs a trust model and planted sellers",
    "false_trust_share": "needs a trust model and planted sellers",
}
"""Metrics that nothing in this version measures, and what they wait for."""
