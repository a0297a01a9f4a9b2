"""What `commonwatt import` says: what it understood and why, what it doubts, what it wrote, what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from commonwatt.adapters.feeds.doubts import Doubt, doubt_lines
from commonwatt.adapters.feeds.rows import GROSS
from commonwatt.adapters.importing.profiles import Profiles
from commonwatt.core.slots import SlotGrid
from commonwatt.services.reporting.words import several
from commonwatt.wiring.import_target import DOUBTS_NAME, Target, Written

if TYPE_CHECKING:
    from commonwatt.wiring.import_request import ImportRequest, Understood


def import_lines(
    request: ImportRequest,
    understood: Understood,
    target: Target,
    profiles: Profiles,
    doubts: Sequence[Doubt],
    written: Written,
) -> list[str]:
    """The whole answer, line by line."""
    return [
        *_layouts(understood),
        *_content(profiles, understood),
        *(_doubts(doubts, target, understood) if doubts else ["No doubts about the data."]),
        *_written(written, target),
        *_next(request, understood, target),
    ]


def _layouts(understood: Understood) -> list[str]:
    lines = []
    shared = None
    for name, guess in understood.guesses.items():
        if guess.why == shared:
            lines.append(f"{name}: read the same way.")
            continue
        shared = guess.why
        lines.append(f"{name}:" + (" as told." if understood.given.given() and not guess.why else ""))
        lines += [f"    guessed {why}" for why in guess.why]
    return lines


def _content(profiles: Profiles, understood: Understood) -> list[str]:
    grid, count = SlotGrid(profiles.slot_s), len(profiles.known)
    key = next(iter(understood.guesses.values())).layout.zone
    zone = ZoneInfo(key) if "/" in key else ZoneInfo("UTC")
    first = grid.local_start(profiles.first_slot, zone)
    end = grid.local_start(profiles.first_slot + count, zone)
    homes = ", ".join(profiles.homes[:5]) + (", ..." if len(profiles.homes) > 5 else "")
    words = ("used", "of PV") if profiles.columns == GROSS else ("from the grid", "to the grid")
    energies = [f"{int(wh.sum()) / 1000:.1f} kWh {word}" for wh, word in zip((profiles.first_wh, profiles.second_wh), words, strict=True)]  # fmt: skip
    lines = [
        f"{several(len(profiles.homes), 'home')} ({homes}), {several(count, 'slot')} of {profiles.slot_s} s from {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} "
        f"({zone.key}); {' and '.join(energies)}.",
    ]
    if profiles.columns != GROSS:
        lines.append("Only what the net meter saw is known: members cannot have a battery in the simulation.")
    lines += understood.notes
    if understood.renamed:
        pairs = [f"{name!r} is {made}" for name, made in understood.renamed.items()]
        lines.append("Names as ids: " + "; ".join(pairs[:6]) + (f" and {len(pairs) - 6} more." if len(pairs) > 6 else "."))  # fmt: skip
    return lines


def _doubts(doubts: Sequence[Doubt], target: Target, understood: Understood) -> list[str]:
    key = next(iter(understood.guesses.values())).layout.zone
    zone = key if "/" in key else target.zone
    return [
        f"{several(len(doubts), 'doubt')} about the data, all in {target.folder / DOUBTS_NAME}:",
        *(f"    {line}" for line in doubt_lines(doubts, zone)),
    ]


def _written(written: Written, target: Target) -> list[str]:
    lines = ["Written: " + ", ".join(str(path) for path in written.files) + "."]
    if written.changed:
        lines.append(f"Changed in {target.folder / 'community.toml'}: {', '.join(written.changed)}.")
        if target.currency:
            lines.append(f"Kept in it: the currency {target.currency}, its prices and everything else.")
    if written.to_change:
        lines.append(f"To change in {target.folder / 'community.toml'}: {', '.join(written.to_change)}.")
    return lines + written.notes


def _next(request: ImportRequest, understood: Understood, target: Target) -> list[str]:
    guess = next(iter(understood.guesses.values()))
    layout, told = guess.layout, understood.given.given()
    needed = {key: value for key, value in layout.given().items() if key not in told and key != "home"}
    lines = []
    if needed and guess.why and len(understood.guesses) == 1:
        files = " ".join(quote(str(path)) for path in request.sources)
        named = f" --layout {quote(request.layout)}" if request.layout else ""
        keys = needed if named else layout.given()
        maps = "".join(f" --map {quote(f'{key}={value}')}" for key, value in keys.items())
        lines.append(f"Again without a guess: {request.program} import {files} --into {quote(str(request.into))}{named}{maps}")  # fmt: skip
    name = quote(str(request.into))
    first = "put your currency and prices into community.toml and limits into members.csv, then " if target.is_new else ""  # fmt: skip
    return [*lines, f"Next: {first}{request.program} check {name}, then {request.program} run {name}"]
