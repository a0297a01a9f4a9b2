"""The page of a federation: what members of each community saved by level 2 first, then what crossed, who pays whom, every member."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from html import escape
from shlex import quote
from zoneinfo import ZoneInfo

import numpy as np

from commonwatt.core.slots import SlotGrid
from commonwatt.core.units import exact_sum
from commonwatt.services.reporting.federation import CommunityOutcome, FederationFacts, federation_summary
from commonwatt.services.reporting.frame import framed
from commonwatt.services.reporting.html import Section, Table, card_list, items, paragraph, plot
from commonwatt.services.reporting.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, Figure, figure
from commonwatt.services.reporting.words import day, energy, kwh, listed, money, percent, price, several

_COLOURS = (ORANGE, BLUE, GREEN, PURPLE, SKY, VERMILLION, GREY)
_DRAWN = 12
"""Communities that are drawn each by itself; of more, all that sold and all that bought."""
_TABLED = 400
"""Members that are listed; of more, those of each community who gain or lose most."""
_FEW = 3


def federation_page(facts: FederationFacts, links: Mapping[str, str]) -> str:
    """The whole page as HTML; `links` is where each community's own report lies. The same facts give the same bytes."""
    title = f"{facts.name}: {_period(facts)}"
    slots = several(len(facts.slots), "hour" if facts.slot_s == 3600 else f"{facts.slot_s // 60}-minute slot")
    where = f"{title} \u00b7 {several(len(facts.communities), 'community', 'communities')} \u00b7 {slots}"
    sections = [
        Section("communities", "The communities side by side", _communities(facts, links)),
        Section("crossing", "What crossed", _crossing()),
        Section("payments", "Who pays whom", _payments(facts)),
        Section("members", "Every member", _members(facts)),
        Section("caveats", "What is compared, and what is not", _caveats(facts)),
    ]
    return framed(title, where, _answer(facts), sections, {"crossing": crossing_figure(facts)})


def headline(facts: FederationFacts) -> str:
    """What trading with each other saved the members of each community."""
    saved = {c.name: exact_sum(c.by_level_two_nano) for c in facts.communities}
    total = sum(saved.values())
    if not facts.energy_wh.any():
        return f"Nothing crossed between the {len(saved)} communities: every member pays what it would have paid alone."
    verb = "saved their members" if total >= 0 else "cost their members"
    text = f"By trading with each other the {len(saved)} communities {verb} {money(abs(total), facts.currency)}"
    if len(saved) <= _FEW:
        each = [f"{money(nano, facts.currency)} in {name}" for name, nano in saved.items()]
        return f"{text}: {listed(each)}."
    gain = sum(1 for nano in saved.values() if nano > 0)
    lose = sum(1 for nano in saved.values() if nano < 0)
    return f"{text}: {gain} gain together, {lose} lose together, the others see no difference."


def who(facts: FederationFacts) -> str:
    """How many members gain and lose."""
    saved = np.concatenate([c.by_level_two_nano for c in facts.communities])
    better, worse = int((saved > 0).sum()), int((saved < 0).sum())
    same = len(saved) - better - worse
    text = f"Of {several(len(saved), 'member')}, {better} {'pays' if better == 1 else 'pay'} less than if their community had traded alone"
    return text + f", {worse} {'pays' if worse == 1 else 'pay'} more" + (f", {same} the same." if same else ".")


def federation_ending(facts: FederationFacts, folder: str, program: str) -> list[str]:
    """At most ten plain lines for the terminal."""
    summary = federation_summary(facts)
    slots = several(len(facts.slots), "hour" if facts.slot_s == 3600 else f"{facts.slot_s // 60}-minute slot")
    count, members = len(facts.communities), sum(len(c.members) for c in facts.communities)
    lines = [
        f"{facts.name}, {_period(facts)}: {several(count, 'community', 'communities')}, {several(members, 'member')}, {slots}"
    ]
    cost, alone, without = (
        money(summary[key], facts.currency) for key in ("cost_nano", "cost_alone_nano", "baseline_nano")
    )
    lines.append(
        f"Bills     {cost} instead of {alone} had every community traded alone, and {without} without a market"
    )
    lines.append(f"          {who(facts)}")
    if summary["exchanged_wh"]:
        mean = price(summary["exchange_price_mean_micro_per_kwh"])
        lines.append(
            f"Crossed   {energy(summary['exchanged_wh'])} in {summary['slots_with_exchange']} of them, at {mean} {facts.currency}/kWh on average"
        )
    payments = facts.payments()
    for payment in payments[:_FEW]:
        lines.append(f"Pays      {payment.payer} to {payment.receiver}: {money(payment.amount_nano, facts.currency)}")
    if len(payments) > _FEW:
        lines[-1] += f", and {len(payments) - _FEW} more payments"
    lines.append(f"Books     {_books(facts)}")
    lines.append(f"Report    {folder}/report.html, and one for each community in {folder}/communities/")
    lines.append(f"Next      {program} audit {quote(folder)}")
    return [line.replace("\u00a0", " ").replace("\u2212", "-") for line in lines]  # fmt: skip


def crossing_figure(facts: FederationFacts) -> Figure:
    """Bars a slot: above zero what left a community, below what came into one."""
    starts = [_start(facts, at).strftime("%Y-%m-%dT%H:%M") for at in range(len(facts.crossings))]
    if len(facts.communities) <= _DRAWN:
        columns = [(c.name, facts.energy_wh[:, at]) for at, c in enumerate(facts.communities)]
    else:
        columns = [
            ("communities that sell", np.maximum(facts.energy_wh, 0).sum(axis=1)),
            ("communities that buy", np.minimum(facts.energy_wh, 0).sum(axis=1)),
        ]
    bars = [
        {
            "type": "bar",
            "name": name,
            "x": starts,
            "y": [wh / 1000 for wh in column.tolist()],
            "marker": {"color": _COLOURS[at % len(_COLOURS)], "pattern": {"shape": ["", "/", "x"][at % 3]}},
            "hovertemplate": "%{y:.2f} kWh<extra>" + escape(name) + "</extra>",
        }
        for at, (name, column) in enumerate(columns)
    ]
    drawn = figure(bars, yaxis={"title": {"text": "kWh out (in below zero)"}})
    drawn["layout"] |= {"barmode": "relative"}
    return drawn


def _answer(facts: FederationFacts) -> str:
    html = f"<h1>{escape(headline(facts))}</h1>\n"
    if not facts.is_sound:
        html += paragraph(f"Do not rely on this page: {_books(facts)}.", "alarm")
    html += paragraph(who(facts)) + _cards(facts)
    return html + paragraph(_suppliers(facts), "note")


def _suppliers(facts: FederationFacts) -> str:
    if not facts.energy_wh.any():
        return ""
    return "What members save their suppliers earn less: energy that crosses is neither fed in at the feed-in price here nor bought at the retail price there."


def _cards(facts: FederationFacts) -> str:
    summary = federation_summary(facts)
    saved, mean = summary["saving_by_exchange_nano"], summary["exchange_price_mean_micro_per_kwh"]
    worse = summary["members_worse_by_exchange"]
    cards = [
        (_plain(money(abs(saved), facts.currency)), "saved together by trading between communities" if saved >= 0 else "more paid together", saved < 0),
        (_plain(energy(summary["exchanged_wh"])), f"crossed, in {summary['slots_with_exchange']} of {summary['slots']} slots", False),
    ]  # fmt: skip
    if mean is not None:
        cards.append((price(mean), f"{facts.currency} per kWh that crossed, on average", False))
    cards.append((str(worse), f"of {several(summary['members'], 'member')} pay more than alone", worse > 0))
    cards.append(("Books balance" if facts.is_sound else "Books do not agree", _books(facts), not facts.is_sound))
    return card_list(cards)


def _books(facts: FederationFacts) -> str:
    summary = federation_summary(facts)
    if facts.is_sound:
        return f"{summary['money_mismatch_nano']} {facts.currency} and {summary['energy_mismatch_wh']} Wh off, in each community and between them; every ledger audited"
    bad = [c.name for c in facts.communities if not c.verified]
    return f"{summary['money_mismatch_nano']} nano and {summary['energy_mismatch_wh']} Wh off" + (
        f"; not verified: {listed(bad)}" if bad else ""
    )


def _communities(facts: FederationFacts, links: Mapping[str, str]) -> str:
    heads = ["Community", "Members", f"Bills {facts.currency}", f"Alone {facts.currency}", f"Saved by level 2 {facts.currency}", "Pay more than alone", "Sold kWh", "Bought kWh", f"Its supplier got {facts.currency}", "Self-sufficiency"]  # fmt: skip
    lines = federation_summary(facts)["by_community"]
    rows = [
        [
            c.name,
            str(of["members"]),
            _money(of["cost_nano"]),
            _money(of["cost_alone_nano"]),
            _money(of["saving_by_exchange_nano"]),
            str(of["members_worse_by_exchange"]),
            kwh(of["sold_wh"]),
            kwh(of["bought_wh"]),
            _money(of["received_nano"]),
            percent(float(c.summary["self_sufficiency_share"] or 0)),  # type: ignore[arg-type]
        ]
        for c, of in ((c, lines[c.name]) for c in facts.communities)
    ]
    text = paragraph(
        "Alone: the same orders and meters, cleared and settled without the other communities. A name leads to that community's own report."
    )
    return text + Table("Communities", heads, rows, links=links).html()


def _crossing() -> str:
    text = paragraph(
        "In every slot the communities' positions met first: what their sellers offer beyond all that their own members ask for, and the other way round. "
        "One price, by the ratio of supply to demand; then each community cleared its own orders between that price and the grid's. "
        "Every row is in `public/exchanges.parquet`."
    )
    return text + plot("crossing", "Energy that crossed between communities, slot by slot")


def _payments(facts: FederationFacts) -> str:
    rows = [[p.payer, p.receiver, _money(p.amount_nano)] for p in facts.payments()]
    if not rows:
        return paragraph("Nobody owes anybody anything.")
    text = paragraph(
        "Members pay and are paid on their own community's ledger, their supplier being the other end. What is left between the suppliers is off the ledgers, "
        "in each community's postings of kind `exchange`, and comes to these payments, the fewest that settle it."
    )
    return text + Table("Payments", ["Supplier of", "pays the supplier of", facts.currency], rows, texts=2).html()


def _members(facts: FederationFacts) -> str:
    many = sum(len(c.members) for c in facts.communities) > _TABLED
    rows = [row for c in facts.communities for row in _rows_of(c, _FEW if many else len(c.members))]
    heads = ["Member", "Community", f"Bill {facts.currency}", f"Alone {facts.currency}", f"Without a market {facts.currency}", f"Saved by level 2 {facts.currency}"]  # fmt: skip
    text = f"Of each community the {_FEW} who gain most and the {_FEW} who gain least." if many else "Who gains most comes first in each community; in the last column a minus sign: pays more because of the other communities."  # fmt: skip
    return paragraph(text) + Table("Members", heads, rows, texts=2).html()


def _rows_of(c: CommunityOutcome, ends: int) -> list[list[str]]:
    saved = c.by_level_two_nano
    order = np.argsort(-saved, kind="stable").tolist()
    shown = order if len(order) <= 2 * ends else [*order[:ends], *order[-ends:]]
    return [
        [c.members[m], c.name, _money(c.cost_nano[m]), _money(c.alone_nano[m]), _money(c.baseline_nano[m]), _money(int(saved[m]))]
        for m in shown
    ]  # fmt: skip


def _caveats(facts: FederationFacts) -> str:
    notes = [
        "Alone is worked out on the orders, meters and batteries of this run: a member whose agent would have bid otherwise, or a battery that would have been run otherwise, is not in it.",
        "No wire between the communities has a limit, and nothing is lost on the way.",
        "The trade between two suppliers is firm: what members then do not deliver or use is between them and their own supplier.",
        "Buyers pay local fees and taxes on energy from another community as on a neighbour's.",
    ]
    if facts.timing == "ex_ante":
        notes.append("Positions were made of orders at the gate, from forecasts.")
    notes += [f"{c.name}: {note}" for c in facts.communities for note in c.notes]
    return items(notes)


def _period(facts: FederationFacts) -> str:
    if not facts.slots:
        return "no day"
    first, last = _start(facts, 0).date(), _start(facts, len(facts.slots) - 1).date()
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def _start(facts: FederationFacts, at: int) -> dt.datetime:
    return SlotGrid(facts.slot_s).local_start(facts.slots.start + at, ZoneInfo(facts.time_zone))


def _money(amount_nano: int) -> str:
    return money(amount_nano, "").strip()


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")
