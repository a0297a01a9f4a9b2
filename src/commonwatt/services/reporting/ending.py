"""The ending in the terminal: ten lines at most, the answer first, then what to type next."""

from __future__ import annotations

from shlex import quote

from commonwatt.services.reporting.answer import answer, saved, shown_forecast_cost_nano, title
from commonwatt.services.reporting.claims import counts_told
from commonwatt.services.reporting.owing import Owing
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.ways import way_line
from commonwatt.services.reporting.wires import wires_line
from commonwatt.services.reporting.words import energy, money, percent, price, several, slot_word

MOST_LINES = 10
"""Lines that are read at once."""


def ending(results: Results, folder: str, program: str = "commonwatt", community: str = "") -> list[str]:
    """At most ten plain lines; `folder`, `program` and `community` are where run, command and input lie, as the user would type them."""
    told, facts = answer(results), results.facts
    figures, currency = results.members, facts.currency
    cost, baseline = (money(int(column.sum()), currency) for column in (figures.cost_nano, figures.baseline_nano))
    other = "community" if facts.design == "p2pet" else "p2pet"
    mean, rates = results.summary["price_mean_micro_per_kwh"], results.books.rates
    local, worse = percent(results.share("self_sufficiency_share")), int((figures.saving_nano < 0).sum())
    who = told.who if not worse else f"{told.who} {told.worse_off.split(':')[0]}."
    lines = [
        f"{title(results)}: {several(results.books.members, 'member')}, {several(facts.slots, slot_word(facts))}",
        f"Bills     {cost} instead of {baseline} without the market: {saved(results)}",
        f"          {who}",
        f"Local     {local} of the electricity used, {energy(results.whole('traded_wh'))} traded between neighbours",
    ]
    if isinstance(mean, int):
        grid = f"{price(int(rates['all_in'].max()))} from the grid, {price(int(rates['feed_in'].min()))} for feeding in"
        lines.append(f"Price     {price(mean)} {currency}/kWh on average between neighbours ({grid})")
    if results.forecast is not None:
        cost = money(shown_forecast_cost_nano(results.forecast, results), currency)
        lines.append(f"Forecasts cost the members {cost}, against trading after delivery")
    if wires_line(results):
        ways = f"; {way_line(results)}" if way_line(results) else ""
        lines.append(f"Wires     {wires_line(results)}{ways}")
    failed = f"; {several(len(facts.failed), slot_word(facts))} failed, see the report" if facts.failed else ""
    owed = Owing(results)
    if owed.line():
        lines.append(f"Money     {owed.line()}")
    asked = f"; {counts_told(facts.demands)}" if counts_told(facts.demands) else ""
    lines.append(f"Books     {told.books}{failed}{asked}")
    lines.append(f"Report    {folder}/report.html")
    what = quote(community) + " " if community else ""
    lines.append(f"Next      {program} audit {quote(folder)}")
    if owed.prepayment_nano:
        # Who cannot pay comes first: with so much paid in beforehand nobody would have owed anything.
        wanted = f"--preset {facts.design} --set ledger.member_deposit_nano={owed.prepayment_nano} --out out/prepaid"
    else:
        wanted = f"--preset {other} --out out/{other}"
    if len(lines) < MOST_LINES:
        lines.append(f"          {program} run {what}{wanted}")
        if len(lines) < MOST_LINES:
            lines.append(f"          {program} compare {what}--design {facts.design} --design {other}")
    return [line.replace("\u00a0", " ").replace("\u2212", "-") for line in lines]
