"""report.html: one page that needs no network; the answer first, then plots, tables, and what to know before relying on them."""

from __future__ import annotations

from html import escape

from commonwatt.services.reporting.answer import Answer, answer, title
from commonwatt.services.reporting.caveats import in_short
from commonwatt.services.reporting.frame import framed
from commonwatt.services.reporting.html import card_list, paragraph
from commonwatt.services.reporting.members import shown_total_nano
from commonwatt.services.reporting.plots import figures
from commonwatt.services.reporting.sections import sections
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.timeline import timeline
from commonwatt.services.reporting.wires import wire_figures
from commonwatt.services.reporting.words import money, percent, price, several, slot_word


def page(results: Results) -> str:
    """The whole page as HTML (about 5 MB, nearly all of it plotly.js); the same results give the same bytes."""
    told, line = answer(results), timeline(results.books)
    members, slots = several(results.books.members, "member"), several(results.facts.slots, slot_word(results.facts))
    return framed(
        title=title(results),
        where=f"{title(results)} \u00b7 {members} \u00b7 {slots}",
        answer=_answer(results, told),
        sections=sections(results, line, told),
        figures=figures(results, line) | wire_figures(results),
    )


def _answer(results: Results, told: Answer) -> str:
    html = f"<h1>{escape(told.headline)}</h1>\n"
    if not told.is_sound:
        html += paragraph(f"Do not rely on this page: the books do not agree. {told.books}.", "alarm")
    html += paragraph(f"{told.who} {told.worse_off}") + _cards(results, told)
    real = '<a href="#caveats">What is real here, and what is not</a>.'
    html += f'<p class="real">{escape(in_short(results))} {real}</p>\n'
    html += (
        paragraph(told.local)
        + paragraph(told.price)
        + paragraph(told.forecasts, "note")
        + paragraph(told.held_back, "note")
    )
    html += paragraph(told.failed)
    return html


def _cards(results: Results, told: Answer) -> str:
    currency, saving = results.facts.currency, shown_total_nano(results.members)
    worse = int((results.members.saving_nano < 0).sum())
    cards = [
        (
            money(abs(saving), currency).replace("\u00a0", " "),
            "saved together" if saving >= 0 else "more paid together",
            saving < 0,
        )
    ]
    cards.append((percent(results.share("self_sufficiency_share")), "of the electricity used was local", False))
    mean, rates = results.summary["price_mean_micro_per_kwh"], results.books.rates
    if isinstance(mean, int):
        against = f"{currency} per kWh between neighbours; {price(int(rates['all_in'].max()))} from the grid"
        cards.append((price(mean), against, False))
    cards.append(
        (
            str(worse),
            f"of {several(results.books.members, 'member')} {'pays' if worse == 1 else 'pay'} more than without",
            worse > 0,
        )
    )
    cards.append(("Books balance" if told.is_sound else "Books do not agree", told.books, not told.is_sound))
    return card_list(cards)
