"""summary.json: the figures of a run under the names that `records.md` promises, each from its own definition."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.units import Flags, Ints, parts_per_million
from commonwatt.grid import NO_SOLUTION
from commonwatt.services.reporting.approximated import approximated
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.checks import energy_mismatch_wh, money_mismatch_nano
from commonwatt.services.reporting.efficiency import clearing_efficiency_share, efficiency_share
from commonwatt.services.reporting.facts import RunFacts, RunTables
from commonwatt.services.reporting.flowed import Flowed, flowed
from commonwatt.services.reporting.forecasts import ForecastCost, forecast_cost
from commonwatt.services.reporting.ledger_use import Transaction, gas_per_trade, transactions
from commonwatt.services.reporting.lost import Lost
from commonwatt.services.reporting.members import MemberFigures, cost_saving_share, member_figures, revenue_gain_share

Summary: TypeAlias = dict[str, int | float | str | bool | list[str] | None]
"""Energy in Wh, money in nano-currency, prices in micro-currency per kWh, shares as fractions of 1; null: there is no such figure."""


@dataclass(frozen=True)
class Results:
    """Everything that was computed from a run, once, for the summary, the page, the terminal and the bills."""

    books: Books
    summary: Summary
    members: MemberFigures
    transactions: list[Transaction]
    forecast: ForecastCost | None
    """None in an `ex_post` run."""
    flowed: Flowed | None
    """The run on its feeder, slot by slot; None where it has none."""

    @property
    def facts(self) -> RunFacts:
        """The facts the results were computed from."""
        return self.books.facts

    def whole(self, key: str) -> int:
        """A figure of the summary that is a whole number."""
        value = self.summary[key]
        if not isinstance(value, int):
            raise TypeError(f"expected {key} to be a whole number, was {value!r}")
        return value

    def share(self, key: str) -> float:
        """A figure of the summary that is a share."""
        value = self.summary[key]
        if not isinstance(value, float):
            raise TypeError(f"expected {key} to be a share, was {value!r}")
        return value


def results(facts: RunFacts, tables: RunTables) -> Results:
    """Compute every figure of a finished run."""
    books = Books(facts, tables)
    figures = member_figures(books)
    used = transactions(books)
    forecast = forecast_cost(books, figures) if facts.is_ex_ante else None
    through = flowed(books)
    summary: Summary = {
        "slots": facts.slots,
        "failed_slots": len(facts.failed),
        "members": books.members,
        **_energy(books, figures),
        **_wires(books),
        **_approximated(through),
        **_losses(books),
        "clearing_efficiency_share": _share(clearing_efficiency_share(books)),
        "efficiency_share": _share(efficiency_share(books)),
        **_prices(books),
        **_money(figures),
        "way_fees_nano": int(books.way_fees_nano.sum()),
        "imbalance_wh": int(books.legs("energy_wh", "imbalance_short", "imbalance_long").sum()),
        "forecast_cost_nano": forecast.cost_nano if forecast else None,
        "money_mismatch_nano": money_mismatch_nano(books),
        "energy_mismatch_wh": energy_mismatch_wh(books),
        "transactions": len(used),
        "gas_per_trade": _share(gas_per_trade(used, tables["trades"].num_rows)),
        "gas_source": facts.gas_source,
        "demands": facts.demands.made,
        "demands_answered": facts.demands.answered,
        "demands_unanswered": facts.demands.unanswered,
        "voided_settlements": facts.demands.voided,
        "proofs_verified": facts.proofs_verified,
        "ledger_verified": facts.ledger_verified,
        "not_built": list(facts.not_built),
    }
    return Results(books, summary, figures, used, forecast, through)


def summary_json(summary: Summary) -> str:
    """The file: keys in the order above, one a line."""
    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _energy(books: Books, figures: MemberFigures) -> Summary:
    meters, trades = books.meters, books.tables["trades"]
    drawn = books.by_slot(meters.import_wh - meters.export_wh) + books.losses_wh
    imported, exported = int(drawn[drawn > 0].sum()), -int(drawn[drawn < 0].sum())
    losses = int(books.losses_wh.sum())
    sold = np.asarray(pc.is_valid(trades.column("seller")).to_numpy(), bool)
    taken = books.legs("energy_wh", "supplier_buy", "imbalance_short", "correction_short")
    given = books.legs("energy_wh", "supplier_sell", "imbalance_long", "correction_long")
    return {
        "traded_wh": int(books.agreed_wh[sold].sum()),
        "delivered_wh": int(numbers(trades, "delivered_wh")[sold].sum()),
        "backed_wh": int(books.backed_wh[sold].sum()),
        "imported_wh": imported,
        "exported_wh": exported,
        "losses_wh": losses,
        "curtailed_pv_wh": int(numbers(books.tables["flows"], "curtailed_pv_wh").sum()),
        "supplier_sold_wh": int(taken.sum()),
        "supplier_bought_wh": int(given.sum()),
        "self_sufficiency_share": _kept(imported, int(figures.load_wh.sum()) + losses),
        "self_consumption_share": _kept(exported, int(figures.pv_wh.sum())),
    }


def _wires(books: Books) -> Summary:
    """Slots in which the grid said no, and the extremes of a feeder; null without one."""
    table = books.tables["wires"]
    said = {name: table.column(name).cast(pa.string()).to_pylist() for name in ("verdict", "flowed", "fullest")}
    has_feeder = [bool(name) for name in said["fullest"]]

    def extreme(column: str, of: Callable[[list[int]], int]) -> float | None:
        values = [value for value, real in zip(numbers(table, column).tolist(), has_feeder, strict=True) if real]
        return of(values) / parts_per_million(1.0) if values else None

    return {
        "curtailed_slots": said["verdict"].count("curtailed"),
        "infeasible_slots": said["flowed"].count("infeasible"),
        "unsolved_slots": int(_is_unsolved(table, "flowed_why").sum()),
        **_violations(books),
        "line_loading_max_share": extreme("loading_ppm", max),
        "voltage_min_share": extreme("low_ppm", min),
        "voltage_max_share": extreme("high_ppm", max),
    }


def _approximated(through: Flowed | None) -> Summary:
    """How far the market's lines are from the power flow."""
    found = approximated(through)
    return {
        "lines_short_share": _share(found.short_share if found else None),
        "loss_loading_share": _share(found.loss_loading_share if found else None),
    }


def _violations(books: Books) -> Summary:
    """Limits that schedules passed at the gate, cuts aside, and meters after delivery: slots, and places in them; what was cut for it."""
    table, cut = books.tables["wires"], books.tables["curtailments"]
    found: Summary = {}
    for name, prefix in (("scheduled", ""), ("metered", "flowed_")):
        lines, buses = (numbers(table, f"{prefix}{kind}_beyond") for kind in ("lines", "buses"))
        unsolved = _is_unsolved(table, f"{prefix or 'verdict_'}why")
        if name == "scheduled" and not books.facts.is_ex_ante:
            # After delivery nothing is scheduled: what is agreed was metered.
            lines, buses, unsolved = np.zeros_like(lines), np.zeros_like(buses), np.zeros_like(unsolved)
        found |= {
            f"{name}_violation_slots": int(((lines > 0) | (buses > 0) | unsolved).sum()),
            f"{name}_line_violations": int(lines.sum()),
            f"{name}_voltage_violations": int(buses.sum()),
        }
    # A trade may be cut for several limits; the pool's trades have one side.
    sides = zip(*(cut.column(name).to_pylist() for name in ("slot", "sell_order", "buy_order")), strict=True)
    sold = np.asarray(pc.is_valid(cut.column("sell_order")).to_numpy(), bool)
    return found | {
        "curtailed_wh": int(numbers(cut, "energy_wh")[sold].sum()),
        "curtailed_trades": len(set(sides)),
        "recleared_slots": int((numbers(table, "rounds") > 0).sum()),
    }


def _is_unsolved(table: pa.Table, why: str) -> Flags:
    """Slots of `wires` without a power flow, by the column that says why their verdict is what it is."""
    return np.asarray(pc.equal(table.column(why), NO_SOLUTION).to_numpy(), bool)


def _losses(books: Books) -> Summary:
    """What the grid paid for losses, and whether its fees bear that."""
    lost = Lost(books)
    return {
        "losses_cost_nano": lost.cost_nano,
        "grid_fees_nano": lost.fees_nano,
        "losses_recovered_share": _share(lost.recovered_share),
        "recovering_fee_micro_per_kwh": lost.recovering_fee_micro_per_kwh,
    }


def _kept(crossed_wh: int, whole_wh: int) -> float:
    """The part of `whole_wh` that did not cross the feeder; 0 where there is none (a battery filled from the grid may outweigh it)."""
    return round(max(0.0, 1 - crossed_wh / whole_wh), 9) if whole_wh else 0.0


def _prices(books: Books) -> Summary:
    """What buyers paid a neighbour per kWh, fees left out; the mean is weighted by energy and rounded half up."""
    trades = books.tables["trades"]
    bought = np.asarray(pc.is_valid(trades.column("buyer")).to_numpy(), bool)
    bought &= books.agreed_wh > 0
    energy, price = books.agreed_wh[bought], numbers(trades, "buy_price_micro_per_kwh")[bought]
    names = [f"price_{which}_micro_per_kwh" for which in ("mean", "min", "max")]
    if not len(energy):
        return dict.fromkeys(names)
    mean = (2 * int((energy * price).sum()) + int(energy.sum())) // (2 * int(energy.sum()))
    return dict(zip(names, (mean, int(price.min()), int(price.max())), strict=True))


def _money(figures: MemberFigures) -> Summary:
    worse: Ints = np.flatnonzero(figures.saving_nano < 0)
    return {
        "baseline_nano": int(figures.baseline_nano.sum()),
        "cost_nano": int(figures.cost_nano.sum()),
        "cost_saving_share": _share(cost_saving_share(figures)),
        "revenue_gain_share": _share(revenue_gain_share(figures)),
        "members_worse_off": len(worse),
    }


def _share(value: float | None) -> float | None:
    """Nine decimals: the same on every machine."""
    return None if value is None else round(value, 9)
