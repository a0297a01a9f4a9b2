"""The answer of a comparison in plain words: which design leaves the lowest bills, how sure that is, and who loses under which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from commonwatt.services.comparison.comparing import Comparison
from commonwatt.services.comparison.resampling import FEWEST_DAYS
from commonwatt.services.reporting.words import listed, money, several, shown_saving_nano

NAMED: Final = 30
"""How many members a sentence names."""
_MARKS: Final = "\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"


def headline(comparison: Comparison) -> str:
    """Which design leaves the lowest bills."""
    best = comparison.ranked[0]
    neighbours = several(len(comparison.any.members), "neighbour")
    cost, without = amount(comparison, best, "cost_nano"), amount(comparison, best, "baseline_nano")
    if saved_nano(comparison, best) <= 0:
        return f"None of the {len(comparison.designs)} designs lowers the bills of the {neighbours}: without a market they come to {without}."
    return f"With {best} the bills of {neighbours} come to {cost}, the lowest of {several(len(comparison.designs), 'design')}; without a market, to {without}."


def who_loses(comparison: Comparison) -> str:
    """Under which designs nobody pays more, and how many do under the others."""
    losers = {design: int((comparison.savings_nano(design) < 0).sum()) for design in comparison.ranked}
    kind = [design for design, number in losers.items() if not number]
    members = len(comparison.any.members)
    text = f"Nobody pays more than without a market with {listed(kind)}. " if kind else ""
    worse = [f"with {design} {number}" for design, number in losers.items() if number]
    if worse:
        text += f"Of {several(members, 'neighbour')}, so many pay more than without a market: {listed(worse)}."
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
    behind += f"{second} is {money(round(gap.value), currency)} behind {'them' if same else best}"
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
    for design, runs in comparison.outcomes.items():
        if runs[0].not_built:
            notes.setdefault(tuple(runs[0].not_built), []).append(design)
    for number, designs in enumerate(notes.values()):
        marks |= dict.fromkeys(designs, _mark(number))
    said = [
        f"{_mark(number)} {listed(designs)}: not built yet, so the plainest answer stands in. Missing: {'; '.join(missing)}."
        for number, (missing, designs) in enumerate(notes.items())
    ]
    return {design: marks.get(design, "") for design in comparison.designs}, said


def amount(comparison: Comparison, design: str, metric: str) -> str:
    """A metric of money with its currency."""
    return money(round(comparison.figures[design][metric].value), comparison.any.currency)


def saved_nano(comparison: Comparison, design: str) -> int:
    """What all save together under a design, as the two rounded amounts say it."""
    of = comparison.figures[design]
    return shown_saving_nano(round(of["baseline_nano"].value), round(of["cost_nano"].value))


def _mark(number: int) -> str:
    return _MARKS[number] if number < len(_MARKS) else f"({number + 1})"


def _more(amount_nano: int, currency: str) -> str:
    return money(amount_nano, currency) if amount_nano >= 5_000_000 else f"less than 0.01\u00a0{currency}"
