"""What happened over time: every figure of the plots and of the table of days, by slot, or by local day in a long run."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow.compute as pc

from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.words import local_start

LONGEST = 1000
"""Up to so many slots the plots show slots, beyond it days."""


@dataclass(frozen=True)
class Timeline:
    """One row a period (slot or day), in order; Wh, and money for means of prices."""

    starts: list[str]
    """Local time on the wall, `2024-07-01T13:00`, or the day."""
    load_wh: Ints
    own_wh: Ints
    """Used under the roof that made it."""
    battery_wh: Ints
    neighbours_wh: Ints
    grid_wh: Ints
    sent_wh: Ints
    """What neighbours did not buy and the grid took."""
    short_wh: Ints
    long_wh: Ints
    traded_wh: Ints
    paid_nano: Ints
    """By buyers for `traded_wh`."""
    all_in_micro: Ints
    feed_in_micro: Ints
    slots: Ints
    """Slots in the period; the two rates above are sums over them."""

    def price_micro_per_kwh(self) -> list[float | None]:
        """Mean price between neighbours, None where nothing was traded."""
        return [
            paid / wh if wh else None for paid, wh in zip(self.paid_nano.tolist(), self.traded_wh.tolist(), strict=True)
        ]


def timeline(books: Books) -> Timeline:
    """By slot where the plots can show slots, by day in a long run."""
    slots = _by_slot(books)
    return slots if books.slots <= LONGEST else _by_day(slots)


def days(books: Books) -> Timeline:
    """By local day: 23 or 25 hours where the clock changes."""
    return _by_day(_by_slot(books))


def _by_slot(books: Books) -> Timeline:
    flows, cell, meters, rates = books.tables["flows"], books.cell_rows("flows"), books.meters, books.rates
    load, discharge = (books.by_slot(books.per_cell(cell, numbers(flows, c))) for c in ("load_wh", "discharge_wh"))
    trades, at = books.tables["trades"], books.slot_rows("trades")
    bought = np.asarray(pc.is_valid(trades.column("buyer")).to_numpy(), bool) & (at >= 0) & (at < books.slots)
    traded, backed = (summed(at[bought], column[bought], books.slots) for column in (books.agreed_wh, books.backed_wh))
    paid = (books.agreed_wh * numbers(trades, "buy_price_micro_per_kwh"))[bought]
    drawn = books.by_slot(meters.import_wh)
    battery = np.minimum(discharge, np.maximum(load - drawn, 0))
    return Timeline(
        starts=[local_start(books.facts, slot).strftime("%Y-%m-%dT%H:%M") for slot in range(books.slots)],
        load_wh=load,
        own_wh=np.maximum(load - drawn - battery, 0),
        battery_wh=battery,
        neighbours_wh=backed,
        grid_wh=drawn - backed,
        sent_wh=books.by_slot(meters.export_wh) - backed,
        short_wh=books.by_slot(books.legs("energy_wh", "imbalance_short")),
        long_wh=books.by_slot(books.legs("energy_wh", "imbalance_long")),
        traded_wh=traded,
        paid_nano=summed(at[bought], paid, books.slots),
        all_in_micro=rates["all_in"],
        feed_in_micro=rates["feed_in"],
        slots=np.ones(books.slots, np.int64),
    )


def _by_day(slots: Timeline) -> Timeline:
    labels = [start[:10] for start in slots.starts]
    names = sorted(set(labels))
    place = {name: at for at, name in enumerate(names)}
    at = np.array([place[label] for label in labels], np.int64)
    columns = {f.name: summed(at, getattr(slots, f.name), len(names)) for f in fields(slots) if f.name != "starts"}
    return Timeline(starts=names, **columns)
