"""The answer in plain words: who saved how much, what stayed local, what neighbours paid, whether the books are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from commonwatt.services.reporting.forecasts import ForecastCost
from commonwatt.services.reporting.members import shown_savings_nano, shown_total_nano
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import (
    energy,
    listed,
    money,
    percent,
    period,
    price,
    several,
    shown_saving_nano,
    slot_word,
)

NAMED = 30
"""How many members a sentence names; the table has all of them."""


@dataclass(frozen=True)
class Answer:
    """Sentences, each on its own; empty where there is nothing to say."""

    headline: str
    who: str
    local: str
    price: str
    books: str
    worse_off: str
    forecasts: str
    failed: str
    held_back: str
    is_sound: bool
    """The books balance and nothing that was checked disagrees."""


def answer(results: Results) -> Answer:
    """The answer of a run."""
    return Answer(
        headline=_headline(results),
        who=_who(results),
        local=_local(results),
        price=_price(results),
        books=books_line(results),
        worse_off=_worse_off(results),
        forecasts=_forecasts(results),
        failed=_failed(results),
        held_back=_held_back(results),
        is_sound=not _faults(results),
    )


def _faults(results: Results) -> bool:
    off = results.whole("energy_mismatch_wh") + results.whole("money_mismatch_nano")
    return off != 0 or results.summary["ledger_verified"] is False


def saved(results: Results) -> str:
    """What the members saved together, as a clause."""
    currency, saving = results.facts.currency, shown_total_nano(results.members)
    baseline = int(results.members.baseline_nano.sum())
    part = f" ({percent(abs(saving) / baseline)})" if baseline > 0 and saving else ""
    if not saving:
        return "no difference"
    return f"{money(abs(saving), currency)} {'saved' if saving > 0 else 'more'}{part}"


def _headline(results: Results) -> str:
    figures, currency = results.members, results.facts.currency
    cost, baseline = int(figures.cost_nano.sum()), int(figures.baseline_nano.sum())
    bills = f"The bills of {several(results.books.members, 'neighbour')} come to {money(cost, currency)}"
    return f"{bills} instead of {money(baseline, currency)} without the market: {saved(results)}."


def _who(results: Results) -> str:
    saving, currency = results.members.saving_nano, results.facts.currency
    if not len(saving) or not saving.any():
        return "The market made no difference to anybody."
    order, shown = np.argsort(-saving, kind="stable"), shown_savings_nano(results.members)
    best, last = int(order[0]), int(order[-1])
    gained = int((saving > 0).sum())
    text = (
        f"All {gained} neighbours are better off."
        if gained == len(saving) > 1
        else f"{gained} of {several(len(saving), 'neighbour')} {'is' if gained == 1 else 'are'} better off."
    )
    if gained:
        text += f" {_named(results, best)} gains most, {money(shown[best], currency)}"
        text += (
            f"; {_named(results, last)} least, {money(shown[last], currency)}." if gained == len(saving) > 1 else "."
        )
    return text


def _named(results: Results, member: int) -> str:
    """A member by id, with a warning where its data look faulty."""
    doubtful = results.facts.origins.get(results.books.pseudonyms[member]) == "doubtful"
    return results.books.ids[member] + (" (whose data look faulty)" if doubtful else "")


def _worse_off(results: Results) -> str:
    saving, ids, currency = results.members.saving_nano, results.books.ids, results.facts.currency
    worse = [int(m) for m in np.argsort(saving, kind="stable") if saving[m] < 0]
    if not worse:
        return "Nobody pays more than without the market."
    shown = shown_savings_nano(results.members)
    named = [f"{ids[m]} ({_more(-shown[m], currency)})" for m in worse[:NAMED]]
    if len(worse) > NAMED:
        named.append(f"{len(worse) - NAMED} more in the table below")
    verb = "pays" if len(worse) == 1 else "pay"
    return f"{several(len(worse), 'neighbour')} {verb} more than without the market: {listed(named)}."


def _more(amount_nano: int, currency: str) -> str:
    return money(amount_nano, currency) if amount_nano > 0 else f"less than 0.01\u00a0{currency}"


def _local(results: Results) -> str:
    text = (
        f"{percent(results.share('self_sufficiency_share'))} of the electricity they used came from their own roofs, "
    )
    text += "batteries and neighbours"
    if int(results.members.pv_wh.sum()):
        text += f", and {percent(results.share('self_consumption_share'))} of what they generated stayed in the neighbourhood"
    traded, backed = results.whole("traded_wh"), results.whole("backed_wh")
    if not traded:
        return f"{text}. Nothing was traded between neighbours."
    text += f". {energy(traded)} went from neighbour to neighbour"
    return f"{text} on paper; the meters show {energy(backed)} of it." if backed < traded else f"{text}."


def _price(results: Results) -> str:
    rates, currency = results.books.rates, results.facts.currency
    if not len(rates["all_in"]):
        return ""
    grid = f"A kWh from the grid costs {_range(rates['all_in'])}\u00a0{currency} with fees and taxes"
    grid += f", and the grid pays {_range(rates['feed_in'])}\u00a0{currency} for one."
    if results.summary["price_mean_micro_per_kwh"] is None:
        return grid
    mean, low, high = (results.whole(f"price_{k}_micro_per_kwh") for k in ("mean", "min", "max"))
    fees = rates["local_charges"]
    text = f"Neighbours paid each other {price(mean)}\u00a0{currency} for a kWh on average"
    text += f" (from {price(low)} to {price(high)})" if low < high else ""
    text += f", and {_range(fees)}\u00a0{currency} in local fees and taxes on top" if fees.any() else ""
    return f"{text}. {grid}"


def _range(rates: np.ndarray) -> str:
    low, high = int(rates.min()), int(rates.max())
    return price(low) if low == high else f"{price(low)} to {price(high)}"


def books_line(results: Results) -> str:
    """`Energy 0 Wh off, money 0 off, ledger verified`."""
    off, currency = results.whole("money_mismatch_nano"), results.facts.currency
    amount = f"{off:,} nano-{currency}" if off else "0"
    verified = results.summary["ledger_verified"]
    ledger = "ledger not audited" if verified is None else "ledger verified" if verified else "LEDGER NOT VERIFIED"
    return f"Energy {results.whole('energy_mismatch_wh'):,} Wh off, money {amount} off, {ledger}"


def _forecasts(results: Results) -> str:
    cost, currency = results.forecast, results.facts.currency
    if cost is None:
        return ""
    text = "This market trades before delivery, on forecasts. "
    text += f"The same meters, traded after delivery, would have saved the members {money(cost.attainable_saving_nano, currency)}; "
    actual = shown_total_nano(results.members)
    outcome = f"saved {money(actual, currency)}" if actual >= 0 else f"paid {money(-actual, currency)} more"
    text += f"this way they {outcome}. "
    if cost.cost_nano > 0:
        text += f"So trading on forecasts cost them {money(shown_forecast_cost_nano(cost, results), currency)}. "
    else:
        text += "So trading on forecasts cost them nothing. "
    text += f"{energy(cost.short_wh)} came short of what was promised, {energy(cost.long_wh)} were bought and not used."
    if cost.round_trip_nano:
        text += f" {energy(cost.round_trip_wh)} were bought from the supplier and sold back to it within one "
        text += f"{slot_word(results.facts)}, which alone cost {money(cost.round_trip_nano, currency)}."
    return text


def shown_forecast_cost_nano(cost: ForecastCost, results: Results) -> int:
    """What forecasts cost as the two rounded savings say it; 0 where the run beat the attainable saving."""
    return max(0, shown_saving_nano(cost.attainable_saving_nano, shown_total_nano(results.members)))


def _failed(results: Results) -> str:
    facts = results.facts
    if not facts.failed:
        return ""
    verb = "was" if len(facts.failed) == 1 else "were"
    return (
        f"{several(len(facts.failed), slot_word(facts))} of {facts.slots} failed and {verb} settled with the supplier as if there were "
        "no market; the reasons are below."
    )


def _held_back(results: Results) -> str:
    held_wh, generated_wh = results.whole("curtailed_pv_wh"), int(results.members.pv_wh.sum())
    if not held_wh:
        return ""
    return (
        f"Inverters held back {energy(held_wh)} of the sun, {percent(held_wh / (held_wh + generated_wh))} of what the panels could have given, so that "
        "no export cap was passed. The comparison without a market is on the same meters and has not got that energy either: what it was worth is in no saving on this page."
    )


def title(results: Results) -> str:
    """Whose run it is, and when."""
    return f"{results.facts.name}, {period(results.facts)}"
