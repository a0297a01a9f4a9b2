"""The answer of a comparison in plain words: which design leaves the lowest bills, how sure that is, and who loses under which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from commonwatt.services.comparison.comparing import Comparison
from commonwatt.services.comparison.resampling import FEWEST_DAYS
from commonwatt.services.reporting.words import energy, kwh, listed, money, several, shown_saving_nano

NAMED: Final = 30
"""How many members a sentence names."""
_WITHOUT: Final = "baseline_nano"
_MARKS: Final = "\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"


def headline(comparison: Comparison) -> str:
    """Which design leaves the lowest bills."""
    best = comparison.ranked[0]
    neighbours = several(len(comparison.any.members), "neighbour")
    cost, without = amount(comparison, best, "cost_nano"), amount(comparison, best, "baseline_nano")
    if saved_nano(comparison, best) <= 0:
        return f"None of the {len(comparison.designs)} designs lowers the bills of the {neighbours}: without a market they come to {without}."
    least = round(comparison.figures[best]["cost_nano"].value)
    alike = [name for name in comparison.ranked if round(comparison.figures[name]["cost_nano"].value) == least]
    return f"With {listed(alike)} the bills of {neighbours} come to {cost}, the lowest of {several(len(comparison.designs), 'design')}; without a market, to {without}."


def who_loses(comparison: Comparison) -> str:
    """Under which designs nobody pays more, and how many do under the others."""
    losers = {design: int((comparison.savings_nano(design) < 0).sum()) for design in comparison.ranked}
    kind = [design for design, number in losers.items() if not number]
    members = len(comparison.any.members)
    text = f"Nobody pays more than without a market with {listed(kind)}. " if kind else ""
    worse = [f"{number} with {design}" for design, number in losers.items() if number]
    if worse:
        text += f"How many of {several(members, 'neighbour')} pay more than without a market: {listed(worse)}. "
    dearer = [design for design in comparison.ranked if saved_nano(comparison, design) < 0]
    if dearer:
        currency = comparison.any.currency
        more = [f"{money(-saved_nano(comparison, design), currency)} more with {design}" for design in dearer]
        text += f"All together pay {listed(more)}."
    return text.strip()


def how_sure(comparison: Comparison) -> str:
    """Whether the best design is better than the next by more than chance."""
    if len(comparison.ranked) < 2:
        return ""
    best, *others = comparison.ranked
    gaps = {other: comparison.difference(other, best, "cost_nano") for other in others}
    same = [other for other, gap in gaps.items() if round(gap.value) == 0]
    if len(same) == len(others):
        return f"{listed([best, *same])} leave the same bills in all."
    second, currency = others[len(same)], comparison.any.currency
    gap = gaps[second]
    behind = f"{listed([best, *same])} leave the same bills in all; " if same else ""
    behind += f"{second} is {money(behind_nano(comparison, second), currency)} behind {'them' if same else best}"
    if not gap.has_interval:
        return f"{behind}; with fewer than {FEWEST_DAYS} days nothing can be said of how sure that is."
    between = f"between {money(round(gap.low), '').strip()} and {money(round(gap.high), currency)} (95 %)"
    when = "on other days like these" if comparison.seeds == 1 else "with other seeds on these days"
    return f"{behind}{', ' if gap.sign > 0 else ', which may be chance: '}{when} {between}."


def losers(comparison: Comparison, design: str) -> str:
    """Who pays more under a design, the largest loss first; empty where nobody does."""
    savings, currency = comparison.savings_nano(design), comparison.any.currency
    worse = [int(m) for m in np.argsort(savings, kind="stable") if savings[m] < 0]
    if not worse:
        return ""
    named = [f"{comparison.any.members[m]} ({_more(-int(savings[m]), currency)})" for m in worse[:NAMED]]
    named += [f"{len(worse) - NAMED} more in the table"] if len(worse) > NAMED else []
    return f"{design}: {several(len(worse), 'neighbour')} {'pays' if len(worse) == 1 else 'pay'} more: {listed(named)}."


def footnotes(comparison: Comparison) -> tuple[Mapping[str, str], Sequence[str]]:
    """Design -> its mark (empty: none), and the notes: what each design wants that is not built yet."""
    marks: dict[str, str] = {}
    notes: dict[tuple[str, ...], list[str]] = {}
    for design in comparison.ranked:
        if missing := comparison.outcomes[design][0].not_built:
            notes.setdefault(tuple(missing), []).append(design)
    for number, designs in enumerate(notes.values()):
        marks |= dict.fromkeys(designs, _mark(number))
    said = [
        f"{_mark(number)} {listed(designs)}: not built yet, so the plainest answer stands in. Missing: {'; '.join(lacking)}."
        for number, (lacking, designs) in enumerate(notes.items())
    ]
    return {design: marks.get(design, "") for design in comparison.designs}, said


def amount(comparison: Comparison, design: str, metric: str) -> str:
    """A metric of money with its currency."""
    return money(round(comparison.figures[design][metric].value), comparison.any.currency)


def saved_nano(comparison: Comparison, design: str) -> int:
    """What all save together under a design, as the two rounded amounts say it."""
    of = comparison.figures[design]
    return shown_saving_nano(round(of["baseline_nano"].value), round(of["cost_nano"].value))


def behind_nano(comparison: Comparison, design: str) -> int:
    """How much dearer a design is than the best one, as the two rounded bills say it."""
    cost, best = (round(comparison.figures[name]["cost_nano"].value) for name in (design, comparison.ranked[0]))
    return shown_saving_nano(cost, best)


def without_doubtful(comparison: Comparison) -> str:
    """What is left of the answer without members whose meters look faulty; empty where there are none."""
    one = comparison.any
    doubtful = np.array([origin == "doubtful" for origin in one.origins])
    if not doubtful.any() or doubtful.all():
        return ""
    names = [name for name, is_doubtful in zip(one.members, doubtful.tolist(), strict=True) if is_doubtful]
    saved = {design: int(comparison.savings_nano(design)[~doubtful].sum()) for design in comparison.ranked}
    best = max(saved, key=lambda design: saved[design])
    shown = names if len(names) <= NAMED else [*names[:NAMED], "others"]
    stays = "the best design stays" if best == comparison.ranked[0] else "the best design is then"
    return (
        f"The profiles of {listed(shown)} look faulty. Without {'it' if len(names) == 1 else 'them'} {stays} {best}, "
        f"under which the other {several(len(doubtful) - len(names), 'neighbour')} {'save' if saved[best] >= 0 else 'pay'} "
        f"{money(abs(saved[best]), one.currency)}{'' if saved[best] >= 0 else ' more'} together."
    )


def other_meters(comparison: Comparison) -> str:
    """That the meters are not the same under every design, so that the bills without a market are not either; empty where they are."""
    best, *others = comparison.ranked
    said = [design for design in others if amount(comparison, design, _WITHOUT) != amount(comparison, best, _WITHOUT)]
    if not said:
        return ""
    each = [
        f"{amount(comparison, design, _WITHOUT)} on those of {design}{_held_back(comparison, design)}"
        for design in said
    ]
    return (
        f"Not all designs left the same meters. The bills without a market come to {amount(comparison, best, _WITHOUT)} on those of "
        f"{best}{_held_back(comparison, best)}, to {listed(each)}. What a design saves is against its own meters; what its bills come to holds everything."
    )


def _held_back(comparison: Comparison, design: str) -> str:
    held_wh = round(comparison.figures[design]["curtailed_pv_wh"].value)
    return f" (inverters held back {energy(held_wh)} of PV)" if held_wh else ""


def wires_told(comparison: Comparison, designs: Sequence[str]) -> str:
    """What each of these designs asked of the wires, in one line; empty where no run has a feeder."""
    figures = comparison.figures
    if not any(figures[design]["line_loading_max_share"].is_there for design in designs):
        return ""

    def by_design(says: str, metric: str, shown: Callable[[int], str]) -> str:
        values = {design: round(figures[design][metric].value) for design in designs}
        return (
            f"{says}: {', '.join(f'{design} {shown(value)}' for design, value in values.items())}"
            if any(values.values())
            else ""
        )

    hours = "hours" if comparison.any.slot_s == 3600 else "slots"
    said = [
        by_design(f"{hours} metered beyond a limit", "metered_violation_slots", str)
        or "no limit was passed by the meters",
        by_design("kWh of trades cut", "curtailed_wh", kwh),
        by_design("kWh of PV held back", "curtailed_pv_wh", kwh),
        by_design(
            f"{comparison.any.currency} of fees by location", "way_fees_nano", lambda nano: money(nano, "").strip()
        ),
    ]
    return "; ".join(filter(None, said))


def _mark(number: int) -> str:
    return _MARKS[number] if number < len(_MARKS) else f"({number + 1})"


def _more(amount_nano: int, currency: str) -> str:
    return money(amount_nano, currency) if amount_nano >= 5_000_000 else f"less than 0.01\u00a0{currency}"
