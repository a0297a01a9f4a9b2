"""Guessing what a layout leaves open from a file's names and first rows, and saying what was guessed and what cannot be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from commonwatt.adapters.importing.figures import figures
from commonwatt.adapters.importing.layout import ENERGIES, HOME, Layout, columns_of
from commonwatt.adapters.importing.reading import stem, wide_columns
from commonwatt.adapters.importing.source import Source
from commonwatt.adapters.importing.stamps import NO_OFFSET, ORDERS, possible_orders, times
from commonwatt.adapters.importing.words import (
    ENDS,
    MEMBER,
    PV_FILES,
    STARTS,
    TIME,
    TOTALS,
    energy_of,
    rank,
    tokens,
    unit_end,
    unit_of,
)
from commonwatt.core.units import Floats
from commonwatt.services.reporting.words import several

_SOME: Final = 40
_MOSTLY: Final = 0.9
_END_OF_DAY: Final = re.compile(r"(^|[ T,])24:00")
_COMMA: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+),\d+")
_POINT: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)\.\d+")
_NEW_METERS: Final = 0.03
_SMALL_STEP: Final = 0.1
_DAY_US: Final = 86_400_000_000
_LARGE_KWH: Final = 20.0
"""A home's slot above this many kWh is rarer than one below so many Wh."""


@dataclass(frozen=True)
class Question:
    """What a person must say: a key of the layout, in words, with what may be answered."""

    key: str
    text: str
    choices: tuple[str, ...] = ()


@dataclass
class Guess:
    """A layout with what could be guessed, why, and what is open."""

    layout: Layout
    why: list[str] = field(default_factory=list)
    open: list[Question] = field(default_factory=list)

    def say(self, key: str, value: str, why: str) -> None:
        """Fill a key."""
        self.layout = self.layout.with_({key: value})
        self.why.append(f"{key} = {value!r}: {why}")


def guessed(source: Source, layout: Layout, community_zone: str = "") -> Guess:
    """A layout for a file; what was given stands. `community_zone` is whose clock the community lives by, if known."""
    guess = Guess(layout)
    if source.is_text and not layout.separator:
        guess.layout = guess.layout.with_({"separator": source.separator})
        if source.separator != ",":
            guess.why.append(f"separator = {source.separator!r}: as the lines have it")
    _guess_time(source, guess)
    _guess_decimal(source, guess)
    _guess_columns(source, guess)
    if not guess.open:
        _guess_unit(source, guess)
        _guess_values(source, guess)
        _guess_stamps(source, guess)
        _guess_zone(source, guess, community_zone)
    return guess


def time_texts(source: Source, layout: Layout) -> list[str]:
    """The times of the first rows, as they are written."""
    names = columns_of(layout.time, source.header) or []
    return [" ".join(parts) for parts in zip(*(source.head[name] for name in names), strict=True)]


def _guess_time(source: Source, guess: Guess) -> None:
    if not guess.layout.time:
        shares = {name: _time_share(source.head[name][:_SOME]) for name in source.header}
        candidates = [name for name in source.header if shares[name] >= _MOSTLY]
        known = [name for name in candidates if rank(name, TIME) < len(TIME)]
        # Numbers of ten digits are times only where the name says so.
        candidates = known or [n for n in candidates if not all(v.isdecimal() for v in source.head[n][:_SOME])]
        if not candidates:
            text = "which column is the time of a row?"
            guess.open.append(Question("time", text, source.header))
            return
        best = min(candidates, key=lambda name: (rank(name, TIME), source.header.index(name)))
        clock = _clock_column(source, best)
        guess.say("time", f"{best} + {clock}" if clock else best, "its cells read as times")
    if guess.layout.dates or columns_of(guess.layout.time, source.header) is None:
        return
    texts = [text for text in time_texts(source, guess.layout) if text]
    orders = possible_orders(texts)
    if len(orders) > 1 and "." in texts[0][:5]:
        orders = ["day_first"]
    if len(orders) == 1:
        if orders[0] != ORDERS[0]:
            guess.say("dates", orders[0], f"as in {texts[0]!r}")
        else:
            guess.layout = guess.layout.with_({"dates": orders[0]})
    elif orders:
        regular = [order for order in orders if _is_regular(texts, order)]
        if len(regular) == 1:
            guess.say("dates", regular[0], "so the times follow each other")
        else:
            text = f"is {texts[0]!r} a day and a month, or a month and a day?"
            guess.open.append(Question("dates", text, tuple(orders)))


def _guess_decimal(source: Source, guess: Guess) -> None:
    if guess.layout.decimal:
        return
    texts = [text for name in source.header for text in source.head[name][:_SOME]]
    # With marks between thousands, too: 1.234,5 and 1,234.5.
    commas, points = (sum(1 for text in texts if re.fullmatch(form, text)) for form in (_COMMA, _POINT))
    if source.is_text and commas > points:
        guess.say("decimal", ",", "as the numbers are written")
    else:
        guess.layout = guess.layout.with_({"decimal": "."})


def _guess_columns(source: Source, guess: Guess) -> None:
    layout = guess.layout
    if any(layout.column(energy) for energy in ENERGIES):
        if not layout.is_wide and not layout.member and not layout.home:
            _guess_member(source, guess, _numeric(source, guess.layout))
        return
    numeric = _numeric(source, layout)
    member = layout.member or _member(source, numeric, _times_of(source, layout))
    numeric = [name for name in numeric if name != member]
    kinds = {name: energy_of(name) for name in numeric}
    by_kind = {energy: [name for name in numeric if kinds[name] == energy] for energy in ENERGIES}
    if not member and not layout.home and len(numeric) > 1 and _guess_wide(source, guess, numeric, by_kind):
        return
    if not layout.member and member:
        guess.say("member", member, "its name says so" if rank(member, MEMBER) < len(MEMBER) else "its cells repeat")
    chosen = {energy: names for energy, names in by_kind.items() if names}
    if not chosen and len(numeric) == 1:
        chosen = {"load": numeric}
    if "import" in chosen or "export" in chosen:  # a total beside the two registers is not read
        chosen.pop("net", None)
    if "load" in chosen and ("import" in chosen or "net" in chosen) and all(unit_of(n) == "" for n in chosen["load"]):
        chosen.pop("net", None)
    if not chosen or not set(chosen) & {"load", "import", "net"}:
        text = "which column is the energy a home used (load), took from the grid (import), or its signed net?"
        guess.open.append(Question("load", text, tuple(numeric or source.header)))
        return
    for energy, names in chosen.items():
        if len(names) > 1 and energy != "pv":
            guess.open.append(Question(energy, f"which of these columns is the {energy}?", tuple(names)))
        else:
            guess.say(energy, " + ".join(names), "the only column of numbers" if len(numeric) == 1 else "its name says so")  # fmt: skip
    if not guess.layout.member and not guess.layout.home:
        guess.say("home", stem(source), "no column names a home: the file is taken for one")


def _guess_member(source: Source, guess: Guess, numeric: Sequence[str]) -> None:
    member = _member(source, numeric, _times_of(source, guess.layout))
    if member:
        guess.say("member", member, "its name or its repeated cells say so")
    else:
        guess.say("home", stem(source), "no column names a home: the file is taken for one")


def _guess_wide(source: Source, guess: Guess, numeric: list[str], by_kind: dict[str, list[str]]) -> bool:
    """Whether homes have columns of their own: names that fit one pattern, or names without any word of energy."""
    patterns = {}
    for energy, names in by_kind.items():
        pattern = _pattern(source, energy, names, _times_of(source, guess.layout)) if len(names) > 1 else ""
        if pattern:
            patterns[energy] = pattern
    if patterns and (len(patterns) > 1 or sum(map(len, by_kind.values())) == len(by_kind[next(iter(patterns))])):
        for energy, pattern in patterns.items():
            guess.say(energy, pattern, f"{len(by_kind[energy])} columns are named so, one a home")
        return True
    if any(by_kind.values()):
        return False
    totals = [name for name in numeric if set(tokens(name)) & set(TOTALS)]
    energy = "pv" if set(tokens(stem(source))) & set(PV_FILES) else "load"
    guess.say(
        energy, f"{HOME}{unit_end(numeric)}", f"{several(len(numeric) - len(totals), 'column')} of numbers, one a home"
    )
    if totals:
        guess.why.append(f"column {totals[0]!r} would be a home too: remove it from the file if it is a sum")
    return True


def _pattern(source: Source, energy: str, names: Sequence[str], others: Sequence[str]) -> str:
    """`{member}_load` when all columns of an energy are named so."""
    first = names[0]
    shared_end = next(
        n for n in range(len(first), -1, -1) if all(name.endswith(first[len(first) - n :]) for name in names)
    )
    shared_start = next(n for n in range(len(first), -1, -1) if all(name.startswith(first[:n]) for name in names))
    for before, after in (("", first[len(first) - shared_end :]), (first[:shared_start], "")):
        # Cut at a border between words: `h1_load, h01_load` share more letters than the pattern means.
        cut = _at_border(before, after, energy)
        if cut is None:
            continue
        pattern = f"{cut[0]}{HOME}{cut[1]}"
        if set(wide_columns(source, pattern, others).values()) == set(names):
            return pattern
    return ""


def _at_border(before: str, after: str, energy: str) -> tuple[str, str] | None:
    """The part of a shared beginning or end that begins or ends with a mark and still says which energy it is."""
    if after:
        at = next((i for i, c in enumerate(after) if not c.isalnum() and energy_of(after[i:]) == energy), None)
        return None if at is None else ("", after[at:])
    ends = [i + 1 for i, c in enumerate(before) if not c.isalnum() and energy_of(before[: i + 1]) == energy]
    return (before[: ends[0]], "") if ends else None


def _guess_unit(source: Source, guess: Guess) -> None:
    if guess.layout.unit:
        return
    names = _energy_columns(source, guess.layout)
    units = sorted({unit for name in names if (unit := unit_of(name))})
    if len(units) == 1:
        guess.say("unit", units[0], "the columns' names say so")
        return
    values = _values(source, names, guess.layout)
    size = float(np.median(values[values > 0])) if (values > 0).any() else 0.0
    whole = bool(len(values)) and bool((values == np.floor(values)).all())
    unit = "Wh" if size > _LARGE_KWH or (whole and size > 1) else "kWh"
    guess.say("unit", unit, f"no name says it; a usual value is {size:g}")


def _guess_values(source: Source, guess: Guess) -> None:
    if guess.layout.values:
        return
    layout = guess.layout
    rising = False
    if layout.unit in ("Wh", "kWh"):
        member = columns_of(layout.member, source.header) if layout.member else None
        rows = range(len(next(iter(source.head.values()))))
        first = source.head[member[0]][0] if member else ""
        mine = [row for row in rows if not member or source.head[member[0]][row] == first]
        rising = any(_is_register(_column(source, name, layout)[mine]) for name in _energy_columns(source, layout))
    if rising:
        guess.say("values", "register", "the values rise and rise: a meter that counts up")
    else:
        guess.layout = layout.with_({"values": "slot"})


def _is_register(values: Floats) -> bool:
    """Whether values only rise, by steps that are small beside them; a new meter may fall once."""
    values = values[np.isfinite(values)]
    steps = np.diff(values)
    if len(steps) < 12 or (steps > 0).sum() <= 3 or (steps < 0).mean() > _NEW_METERS:
        return False
    return bool(np.median(np.abs(steps)) < _SMALL_STEP * np.median(values)) or not (steps < 0).any()


def _guess_stamps(source: Source, guess: Guess) -> None:
    layout = guess.layout
    if layout.stamps or layout.values == "register":
        return
    names = columns_of(layout.time, source.header) or []
    words = {word for name in names for word in tokens(name)}
    texts = time_texts(source, layout)
    read = times([*texts, " ".join(source.last.get(name, "") for name in names)], layout.dates or ORDERS[0])
    first, last = int(read.wall_us[0]) % _DAY_US, int(read.wall_us[-1]) % _DAY_US
    steps = np.diff(np.unique(read.wall_us[:-1][read.readable[:-1]]))
    # A file of whole days begins with the end of the first slot after midnight, or with its beginning.
    ends = bool(read.readable.all()) and len(steps) > 0 and first == int(steps.min()) and last + first != _DAY_US
    if any(_END_OF_DAY.search(text) for text in texts) or words & set(ENDS):
        guess.say("stamps", "end", "a time of 24:00" if not words & set(ENDS) else "the column's name says so")
    elif words & set(STARTS) or not ends:
        guess.layout = layout.with_({"stamps": "start"})
        if not words & set(STARTS):
            guess.why.append("stamps = 'start': nothing says that times name the end of a slot")
    else:
        guess.say("stamps", "end", f"the file begins at {texts[0]!r}, the end of a day's first slot")


def _guess_zone(source: Source, guess: Guess, community_zone: str) -> None:
    layout = guess.layout
    texts = time_texts(source, layout)[:_SOME]
    offsets = times(texts, layout.dates or ORDERS[0]).offset_s
    named = source.zones.get(layout.time, "")
    if not layout.zone and "/" in named:
        guess.say("zone", named, "the column's type says so")
    if guess.layout.zone or (len(offsets) and (offsets != NO_OFFSET).all()):
        return
    words = {word for name in columns_of(layout.time, source.header) or [] for word in tokens(name)}
    if words & {"utc", "gmt"}:
        guess.say("zone", "UTC", "the column's name says so")
    elif community_zone:
        guess.say("zone", community_zone, "the community's own ([community] time_zone); times carry no offset")
    else:
        text = f"of which time zone are times such as {texts[0] if texts else ''!r}? (Europe/Zurich, UTC, +01:00)"
        guess.open.append(Question("zone", text))


def _member(source: Source, numeric: Sequence[str], times_: Sequence[str]) -> str:
    """The column that names homes: by its own name, else a column of words that repeat."""
    rows = len(next(iter(source.head.values())))
    named = [n for n in source.header if rank(n, MEMBER) < len(MEMBER) and not energy_of_numeric(n, numeric) and _time_share(source.head[n][:_SOME]) < _MOSTLY]  # fmt: skip
    named = [n for n in named if len(set(source.head[n])) < max(rows, 2) or rows < 3]
    # `home_1, home_2`: columns of numbers that differ in a number only are homes, and none of them names one.
    alike = [re.sub(r"\d+", "#", name) for name in numeric]
    named = [n for n in named if n not in numeric or alike.count(re.sub(r"\d+", "#", n)) == 1]
    if named:
        return min(named, key=lambda name: (rank(name, MEMBER), source.header.index(name)))
    words = [n for n in source.header if n not in (*numeric, *times_) and 1 < len(set(source.head[n])) < rows and _time_share(source.head[n][:_SOME]) < _MOSTLY]  # fmt: skip
    return words[0] if len(words) == 1 else ""


def energy_of_numeric(name: str, numeric: Sequence[str]) -> bool:
    """Whether a column of numbers speaks of an energy: `home_load_kwh` names no home."""
    return name in numeric and bool(energy_of(name) or unit_of(name))


def _numeric(source: Source, layout: Layout) -> list[str]:
    """Columns whose first cells are numbers or empty, and not all empty, the time aside."""
    others = _times_of(source, layout)
    return [name for name in source.header if name not in others and _is_numeric(source.head[name][:_SOME], layout)]


def _is_numeric(texts: Sequence[str], layout: Layout) -> bool:
    filled = [text for text in texts if text.strip()]
    return bool(filled) and float(np.isfinite(_figures(filled, layout)).mean()) >= _MOSTLY


def _figures(texts: Sequence[str], layout: Layout) -> Floats:
    return figures(pa.array(texts, pa.string()), layout.decimal or ".")[0]


def _column(source: Source, name: str, layout: Layout) -> Floats:
    return _figures(source.head[name], layout)


def _values(source: Source, names: Sequence[str], layout: Layout) -> Floats:
    every: Floats = np.concatenate([np.zeros(0), *(_column(source, name, layout) for name in names)])
    sizes: Floats = np.abs(every[np.isfinite(every)])
    return sizes


def _energy_columns(source: Source, layout: Layout) -> list[str]:
    found: list[str] = []
    for energy in ENERGIES:
        text = layout.column(energy)
        if HOME in text:
            found += wide_columns(source, text, _times_of(source, layout)).values()
        elif text:
            found += columns_of(text, source.header) or []
    return found


def _times_of(source: Source, layout: Layout) -> list[str]:
    return columns_of(layout.time, source.header) or [] if layout.time else []


def _time_share(texts: Sequence[str]) -> float:
    filled = [text for text in texts if text.strip()]
    if not filled:
        return 0.0
    best = max(float(times(filled, order).readable.mean()) for order in ORDERS)
    return best * len(filled) / len(texts)


def _clock_column(source: Source, date: str) -> str:
    """The column of the time of day, when a date stands alone."""
    if any(":" in text for text in source.head[date][:_SOME]):
        return ""
    joined = {
        name: _time_share(
            [f"{a} {b}" for a, b in zip(source.head[date][:_SOME], source.head[name][:_SOME], strict=True)]
        )
        for name in source.header
        if name != date and any(":" in text for text in source.head[name][:_SOME])
    }
    return next((name for name, share in joined.items() if share >= _MOSTLY), "")


def _is_regular(texts: Sequence[str], order: str) -> bool:
    read = times(texts, order)
    steps = np.diff(np.unique(read.wall_us[read.readable]))
    return bool(read.readable.all()) and len(steps) > 0 and int(steps.max()) <= _DAY_US
