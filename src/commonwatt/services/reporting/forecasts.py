"""What forecasts cost the members of an `ex_ante` run, compared with the same meters settled after delivery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books
from commonwatt.services.reporting.efficiency import slot_books, true_positions
from commonwatt.services.reporting.members import MemberFigures


@dataclass(frozen=True)
class ForecastCost:
    """Nano-currency and Wh of all members together over the run."""

    attainable_saving_nano: int
    """What the same meters, traded after delivery at the members' true limits, would have saved against no market."""
    cost_nano: int
    """That, less what was saved: what trading on forecasts cost. Holds what the mechanism itself left untraded, too."""
    short_wh: int
    long_wh: int
    imbalance_nano: int
    """Paid for both (positive: by the members), fees left out; what came from penalties and went into rewards is beside it."""
    penalty_nano: int
    reward_nano: int
    round_trip_wh: int
    """Bought from the supplier and sold back to it by one member in one slot, beyond what its meter shows on both registers."""
    round_trip_nano: int
    """What those cost: the distance between all-in retail and feed-in."""


def forecast_cost(books: Books, figures: MemberFigures) -> ForecastCost:
    """The forecast cost of a run, from statements, readings and `wishes`.

    Between members money only changes hands, so what a community saves is the energy it trades times the distance between the price of
    a kWh from the supplier and the feed-in, less local fees and taxes: the price drops out, and a perfect market needs no prices here.
    """
    rates = books.rates
    spread = rates["all_in"] - rates["local_charges"] - rates["feed_in"]
    attainable = sum(matched_wh(book) * int(spread[slot]) for slot, book in slot_books(*true_positions(books)))
    short, long = books.legs("energy_wh", "imbalance_short"), books.legs("energy_wh", "imbalance_long")
    there = books.legs("energy_wh", "supplier_buy") + short
    back = books.legs("energy_wh", "supplier_sell") + long
    both = np.minimum(books.meters.import_wh, books.meters.export_wh)
    trips = books.by_slot(np.maximum(np.minimum(there, back) - both, 0))
    return ForecastCost(
        attainable_saving_nano=attainable,
        cost_nano=attainable - int(figures.saving_nano.sum()),
        short_wh=int(short.sum()),
        long_wh=int(long.sum()),
        imbalance_nano=-int(books.legs("amount_nano", "imbalance_short", "imbalance_long").sum()),
        penalty_nano=-int(books.legs("amount_nano", "penalty").sum()),
        reward_nano=int(books.legs("amount_nano", "reward").sum()),
        round_trip_wh=int(trips.sum()),
        round_trip_nano=int((trips * (rates["all_in"] - rates["feed_in"])).sum()),
    )


def matched_wh(book: OrderBook) -> int:
    """The most energy that can be traded at one price: where the curves of offers and bids cross."""
    offers, offered = _curve(book, book.is_sell, 1)
    bids, wanted = _curve(book, ~book.is_sell, -1)
    if not len(offers) or not len(bids):
        return 0
    volumes = np.concatenate([offered, wanted])
    volumes = volumes[volumes <= min(offered[-1], wanted[-1])]
    crossed = offers[np.searchsorted(offered, volumes)] <= bids[np.searchsorted(wanted, volumes)]
    return int(volumes[crossed].max(initial=0))


def _curve(book: OrderBook, rows: np.ndarray, direction: int) -> tuple[Ints, Ints]:
    limits, energy = book.limit_micro_per_kwh[rows], book.energy_wh[rows]
    order = np.argsort(direction * limits, kind="stable")
    return limits[order], np.cumsum(energy[order])
