"""The ending in the terminal: ten lines at most that a neighbour understands."""

from __future__ import annotations

from shlex import quote
from typing import Final

from commonwatt.services.comparison.comparing import Comparison
from commonwatt.services.comparison.telling import amount, how_sure, saved_nano
from commonwatt.services.reporting.words import listed, money, percent, several

SHOWN: Final = 5
"""Designs that are listed; of more the best ones and the last."""


def ending(comparison: Comparison, folder: str) -> list[str]:
    """At most ten plain lines; `folder` is where the page lies."""
    one, ranked = comparison.any, comparison.ranked
    shown = ranked if len(ranked) <= SHOWN else [*ranked[: SHOWN - 1], ranked[-1]]
    designs = several(len(ranked), "design") + (f", {len(shown)} of them here" if len(shown) < len(ranked) else "")
    slots = several(one.slots, "hour" if one.slot_s == 3600 else f"{one.slot_s // 60}-minute slot")
    lines = [f"{one.community}, {one.period}: {several(len(one.members), 'member')}, {slots}, {designs}"]
    without = amount(comparison, ranked[0], "baseline_nano")
    seeds = f" (means of {comparison.seeds} seeds)" if comparison.seeds > 1 else ""
    lines.append(f"Without a market the bills come to {without}. The same meters under each design{seeds}:")
    width = max(len(name) for name in shown) + 1
    lines += [_line(comparison, name, width) for name in shown]
    lines.append(f"Sure?     {how_sure(comparison)}")
    if comparison.failed:
        names = listed(list(comparison.failed))
        lines.append(f"FAILED    {names}: left out of everything above, see what was said on the way")
    elif any(runs[0].not_built for runs in comparison.outcomes.values()):
        lines.append("*         stands in for a design that is not built whole yet: the page says what is missing")
    lines.append(f"Page      {quote(f'{folder}/report.html')}, and beside it metrics.csv, members.csv, differences.csv")
    return [line.replace("\u00a0", " ").replace("\u2212", "-") for line in lines]


def _line(comparison: Comparison, design: str, width: int) -> str:
    saved = saved_nano(comparison, design)
    baseline = comparison.figures[design]["baseline_nano"].value
    share = f" ({percent(abs(saved) / baseline)})" if baseline > 0 and saved else ""
    said = f"{amount(comparison, design, 'cost_nano')}, "
    said += "no difference" if not saved else _money(comparison, saved) + (" saved" if saved > 0 else " more") + share
    worse = int((comparison.savings_nano(design) < 0).sum())
    who = "nobody pays more" if not worse else f"{several(worse, 'neighbour')} {'pays' if worse == 1 else 'pay'} more"
    star = "*" if comparison.outcomes[design][0].not_built else ""
    return f"  {design + star:<{width}} {said}; {who}"


def _money(comparison: Comparison, saved_nano: int) -> str:
    return money(abs(saved_nano), comparison.any.currency)
