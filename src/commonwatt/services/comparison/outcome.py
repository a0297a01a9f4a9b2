"""An outcome: what one run of one design came to, day by day and member by member, small enough to keep beside the run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from commonwatt.core.foreign import parsed_json
from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.caveats import caveats
from commonwatt.services.reporting.efficiency import clearing_welfare_nano, true_welfare_nano
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import local_start, period

ANSWERS: Final = (
    "Based on", "Trading", "Venue", "Clearing", "Pricing", "Settlement", "Forecasts", "Grid", "Metering", "Ledger"
)  # fmt: skip
"""What is told of a design, in this order."""
FORMAT: Final = 2
"""Of the stored file; one of another format is computed again."""


@dataclass(frozen=True)
class Outcome:
    """One run. Energy in Wh, money in nano-currency, prices in micro-currency per kWh."""

    design: str
    seed: int
    community: str
    currency: str
    period: str
    """The local days of the run, in words."""
    slot_s: int
    slots: int
    timing: str
    answers: dict[str, str]
    """What the design chose in each room, in words."""
    members: list[str]
    """As the community calls them, in order of index."""
    origins: list[str]
    """Where each member's profile comes from."""
    not_built: list[str]
    caveats: list[str]
    totals: dict[str, float | int | None]
    """Figures of the whole run that no sum over days gives."""
    days: list[str]
    sums: dict[str, list[float]]
    """By name a figure a day; whole numbers but for the two of squares and ratios."""
    cost_nano: list[list[int]]
    """By day, by member: what the statements add up to, paid = positive."""
    baseline_nano: list[list[int]]
    """By day, by member: the same meters without a market."""

    def to_json(self) -> str:
        """The stored form; the same outcome gives the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Outcome | None:
        """A stored outcome, None where it is none of this format."""
        try:
            stored: dict[str, Any] = parsed_json(text)
            if stored.pop("format", None) != FORMAT or stored.keys() != {f.name for f in fields(cls)}:
                return None
        except (ValueError, AttributeError, TypeError):
            return None
        return cls(**stored)


def outcome_of(results: Results, design: str, chain_bytes: int | None = None) -> Outcome:
    """What a finished run came to; `chain_bytes` is what its transactions take on the ledger, None where there is no chain."""
    books, facts = results.books, results.facts
    at, days = _days(books)
    cost, baseline = _money(books)
    summary, rows = results.summary, books.tables["trades"].num_rows
    totals = {key: value for key, value in summary.items() if value is None or type(value) in (int, float)}
    used = chain_bytes / rows if chain_bytes and rows else None
    return Outcome(
        design=design,
        seed=facts.seed,
        community=facts.name,
        currency=facts.currency,
        period=period(facts),
        slot_s=facts.slot_s,
        slots=facts.slots,
        timing=facts.timing,
        answers=_answers(results),
        members=books.ids,
        origins=[facts.origins.get(name) or "unknown" for name in books.pseudonyms],
        not_built=list(facts.not_built),
        caveats=caveats(results),
        totals=totals | {"bytes_per_trade": None if used is None else round(used, 9)},  # type: ignore[arg-type]
        days=days,
        sums={name: _by_day(values, at, len(days)) for name, values in _by_slot(results).items()}
        | _peaks(books, at, len(days)),
        cost_nano=_by_day_and_member(cost, books, at, len(days)),
        baseline_nano=_by_day_and_member(baseline, books, at, len(days)),
    )


def _answers(results: Results) -> dict[str, str]:
    facts = results.facts
    timing = {"ex_post": "after delivery, on meters", "ex_ante": "before delivery, on forecasts"}
    return {
        "Based on": facts.design,
        "Trading": timing.get(facts.timing, facts.timing),
        "Venue": facts.venue,
        "Clearing": facts.clearing,
        "Pricing": facts.pricing,
        "Settlement": f"{facts.settlement}, residual {facts.residual}",
        "Forecasts": facts.forecasting if facts.is_ex_ante else "not needed",
        "Grid": facts.grid,
        "Metering": facts.metering,
        "Ledger": f"{facts.chain}, executed by {facts.executor}",
    }


def _days(books: Books) -> tuple[Ints, list[str]]:
    """The day of every slot on the community's wall clock, and the days."""
    labels = [local_start(books.facts, slot).date().isoformat() for slot in range(books.slots)]
    days = sorted(set(labels))
    place = {day: at for at, day in enumerate(days)}
    return np.array([place[label] for label in labels], np.int64), days


def _money(books: Books) -> tuple[Ints, Ints]:
    """Cost and baseline by cell."""
    amounts = numbers(books.tables["statements"], "amount_nano")
    return -books.per_cell(books.cell_rows("statements"), amounts), books.baseline_nano


def _by_slot(results: Results) -> dict[str, np.ndarray]:
    """Figures a slot whose sums over days the metrics are made of."""
    books, trades = results.books, results.books.tables["trades"]
    flows, cell = books.tables["flows"], books.cell_rows("flows")
    drawn = _drawn(books)
    slot = books.slot_rows("trades")
    within = (slot >= 0) & (slot < books.slots)
    bought, sold = (within & (books.cell_rows("trades", side) >= 0) for side in ("buyer", "seller"))
    energy, price = books.agreed_wh[bought], numbers(trades, "buy_price_micro_per_kwh")[bought]
    reached, optimum = clearing_welfare_nano(books)
    true_reached, true_optimum = true_welfare_nano(books)

    def traded(values: Ints, rows: np.ndarray) -> Ints:
        return summed(slot[rows], values[rows], books.slots)

    def legs(column: str, *names: str) -> Ints:
        return books.by_slot(books.legs(column, *names))

    return {
        "load_wh": books.by_slot(books.per_cell(cell, numbers(flows, "load_wh"))),
        "generated_wh": books.by_slot(books.per_cell(cell, numbers(flows, "pv_wh"))),
        "losses_wh": books.losses_wh,
        **_limits_passed(books),
        "curtailed_pv_wh": books.by_slot(books.per_cell(cell, numbers(flows, "curtailed_pv_wh"))),
        "imported_wh": np.maximum(drawn, 0),
        "exported_wh": np.maximum(-drawn, 0),
        "offered_wh": books.by_slot(books.meters.export_wh),
        "traded_wh": traded(books.agreed_wh, sold),
        "delivered_wh": traded(numbers(trades, "delivered_wh"), sold),
        "backed_wh": traded(books.backed_wh, sold),
        "priced_wh": summed(slot[bought], energy, books.slots),
        "paid_nano": summed(slot[bought], energy * price, books.slots),
        "price_squares": np.bincount(slot[bought], energy * price.astype(np.float64) ** 2, books.slots),
        "supplier_sold_wh": legs("energy_wh", "supplier_buy", "imbalance_short", "correction_short"),
        "supplier_bought_wh": legs("energy_wh", "supplier_sell", "imbalance_long", "correction_long"),
        "imbalance_wh": legs("energy_wh", "imbalance_short", "imbalance_long"),
        "imbalance_cost_nano": -legs("amount_nano", "imbalance_short", "imbalance_long"),
        "way_fees_nano": books.way_fees_nano,
        "penalty_nano": -legs("amount_nano", "penalty"),
        "reward_nano": legs("amount_nano", "reward"),
        "welfare_nano": reached,
        "optimum_welfare_nano": optimum,
        "true_welfare_nano": true_reached,
        "true_optimum_welfare_nano": true_optimum,
    }


def _limits_passed(books: Books) -> dict[str, np.ndarray]:
    """By slot whether its schedule, and what was metered, passed a limit of the wires, and what was cut of it."""
    wires, cut = books.tables["wires"], books.tables["curtailments"]
    at = books.slot_rows("wires")
    found = {}
    for name, prefix in (("scheduled", ""), ("metered", "flowed_")):
        beyond = numbers(wires, f"{prefix}lines_beyond") + numbers(wires, f"{prefix}buses_beyond") > 0
        is_told = name == "metered" or books.facts.is_ex_ante
        found[f"{name}_violation_slots"] = summed(at, (beyond & is_told).astype(np.int64), books.slots)
    sold = np.asarray(pc.is_valid(cut.column("sell_order")).to_numpy(), bool)
    slot = books.slot_rows("curtailments")[sold]
    return found | {"curtailed_wh": summed(slot, numbers(cut, "energy_wh")[sold], books.slots)}


def _drawn(books: Books) -> Ints:
    """What came in through the feeder by slot; negative: what went out."""
    return books.by_slot(books.meters.import_wh - books.meters.export_wh) + books.losses_wh


def _peaks(books: Books, at: Ints, days: int) -> dict[str, list[float]]:
    """Per day the largest import of a slot over the mean one, and whether there was any import."""
    drawn = np.maximum(_drawn(books), 0)
    peak = np.zeros(days, np.int64)
    np.maximum.at(peak, at, drawn)
    total, slots = summed(at, drawn, days), np.bincount(at, minlength=days)
    there = total > 0
    ratio = np.where(there, peak * slots / np.maximum(total, 1), 0.0)
    return {"peak_ratios": [round(float(v), 9) for v in ratio], "peak_days": there.astype(int).tolist()}


def _by_day(values: np.ndarray, at: Ints, days: int) -> list[float]:
    total = np.zeros(days, values.dtype)
    np.add.at(total, at, values)
    return list(total.tolist())


def _by_day_and_member(cells: Ints, books: Books, at: Ints, days: int) -> list[list[int]]:
    total = np.zeros((days, books.members), np.int64)
    np.add.at(total, at, cells.reshape(books.slots, books.members))
    return list(total.tolist())
