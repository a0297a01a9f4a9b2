"""The ending in the terminal: a line a design, who loses beside who gains, and no more than a screen."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Final

from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.comparison.comparing import Comparison
from commonwatt.services.comparison.telling import amount, how_sure, other_meters, saved_nano, wires_told
from commonwatt.services.reporting.words import listed, money, percent, several

SHOWN: Final = 12
"""Designs that are listed; of more the best ones and the last."""


def ending(comparison: Comparison, folder: str) -> list[str]:
    """Plain lines, seven at most beside those of the designs; `folder` is where the page lies."""
    one, ranked = comparison.any, comparison.ranked
    shown = ranked if len(ranked) <= SHOWN else [*ranked[: SHOWN - 1], ranked[-1]]
    designs = several(len(ranked), "design") + (f", {len(shown)} of them here" if len(shown) < len(ranked) else "")
    slots = several(one.slots, "hour" if one.slot_s == 3600 else f"{one.slot_s // 60}-minute slot")
    lines = [f"{one.community}, {one.period}: {several(len(one.members), 'member')}, {slots}, {designs}"]
    without = amount(comparison, ranked[0], "baseline_nano")
    seeds = f" (means of {comparison.seeds} seeds)" if comparison.seeds > 1 else ""
    meters = other_meters(comparison)
    what = f"on the meters of {ranked[0]}. The same days" if meters else "The same meters"
    lines.append(
        f"Without a market the bills come to {without}{' ' if meters else '. '}{what} under each design{seeds}:"
    )
    lines += _aligned([_line(comparison, name) for name in shown])
    lines.append(f"Sure?     {how_sure(comparison)}")
    lines += [f"Meters    {meters}"] if meters else []
    lines += [f"Wires     {told}"] if (told := wires_told(comparison, shown)) else []
    if comparison.failed:
        names = listed(list(comparison.failed))
        lines.append(f"FAILED    {names}: left out of everything above, see what was said on the way")
    elif any(runs[0].not_built for runs in comparison.outcomes.values()):
        lines.append("*         stands in for a design that is not built whole yet: the page says what is missing")
    lines.append(
        f"Page      {quote(f'{folder}/report.html')}, and beside it metrics.csv, members.csv, differences.csv, timing.csv"
    )
    return [line.replace("\u00a0", " ").replace("\u2212", "-") for line in lines]


def _line(comparison: Comparison, design: str) -> tuple[str, str, str, str]:
    """Name, bills, what they save, who pays more."""
    saved, figures = saved_nano(comparison, design), comparison.figures[design]
    baseline = figures["baseline_nano"].value
    share = f" ({percent(abs(saved) / baseline)})" if baseline > 0 and saved else ""
    differs = "no difference" if not saved else _units(abs(saved)) + (" saved" if saved > 0 else " more") + share
    savings = comparison.savings_nano(design)
    worse, most = int((savings < 0).sum()), -int(savings.min())
    up_to = "by less than 0.01" if most < NANO_PER_UNIT // 200 else f"{'by' if worse == 1 else 'up to'} {_units(most)}"
    who = f"{worse} {'pays' if worse == 1 else 'pay'} more, {up_to}" if worse else "nobody pays more"
    star = "*" if comparison.outcomes[design][0].not_built else ""
    return design + star, amount(comparison, design, "cost_nano"), differs, who


def _aligned(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    name, bills, differs, _ = (max(len(row[at]) for row in rows) for at in range(4))
    return [f"  {row[0]:<{name}}  {row[1]:>{bills}}  {row[2]:>{differs}}  {row[3]}" for row in rows]


def _units(amount_nano: int) -> str:
    return money(amount_nano, "").strip()
