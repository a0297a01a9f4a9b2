"""When the feeder was full: slot by slot what passed a limit, what was cut or held back for it, and where there is no power flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.units import Flags, Ints, parts_per_million
from commonwatt.grid import NO_SOLUTION
from commonwatt.services.reporting.books import numbers, summed
from commonwatt.services.reporting.burden import Burden, burden, held_wh
from commonwatt.services.reporting.efficiency import clearing_welfare_nano
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import energy, listed, money, percent, several, slot_word, start_words

_MILLION: Final = parts_per_million(1.0)
_NEAR_LIMIT: Final = 0.8
"""So much of the room between the nominal voltage and a limit is worth a word."""
_PASSED: Final = ("curtailed", "exceeded", "infeasible")


@dataclass(frozen=True)
class Strained:
    """By slot, shape (slots,)."""

    agreed: Flags
    """What was agreed at the gate passed a limit, cuts aside; nowhere in an `ex_post` run."""
    metered: Flags
    """What was metered passed one."""
    filled: Flags
    """Trades fill a line up to what the market was told that it carries."""
    unsolved: Flags
    """There is no power flow of what was metered."""
    void: Flags
    """All trades were void at the gate, because no cut would have kept the limits."""
    cut_wh: Ints
    """What was cut of trades, sell side."""
    held_wh: Ints
    """What inverters held back to keep a cap."""

    @property
    def full(self) -> Flags:
        """Slots in which the feeder was full, one way or another."""
        return self.agreed | self.metered | self.filled | (self.cut_wh > 0)


def strained(results: Results) -> Strained:
    """Every slot of the run."""
    books, wires = results.books, results.books.tables["wires"]
    at, flowed = books.slot_rows("wires"), results.flowed
    passed = {}
    for name, prefix, verdict in (("agreed", "", "verdict"), ("metered", "flowed_", "flowed")):
        beyond = numbers(wires, f"{prefix}lines_beyond") + numbers(wires, f"{prefix}buses_beyond") > 0
        passed[name] = (summed(at, beyond.astype(np.int64), books.slots) > 0) | _at(results, verdict, _PASSED)
    cut = books.tables["curtailments"]
    sold = np.asarray(pc.is_valid(cut.column("sell_order")).to_numpy(), bool)
    none, unsolved = np.zeros(books.slots, np.bool_), _at(results, "flowed_why", (NO_SOLUTION,))
    if flowed is not None:
        unsolved |= ~flowed.power.is_solved
    return Strained(
        agreed=passed["agreed"] if books.facts.is_ex_ante else none,
        metered=passed["metered"] | unsolved,
        filled=none if flowed is None else np.asarray(flowed.is_filled.any(axis=0), np.bool_),
        unsolved=unsolved,
        void=_at(results, "verdict", ("infeasible",)) if books.facts.is_ex_ante else none,
        cut_wh=summed(books.slot_rows("curtailments")[sold], numbers(cut, "energy_wh")[sold], books.slots),
        held_wh=books.by_slot(held_wh(books)),
    )


def _at(results: Results, column: str, words: tuple[str, ...]) -> Flags:
    """Slots of which the table `wires` says one of these in a column."""
    books = results.books
    said = pc.is_in(books.tables["wires"].column(column).cast(pa.string()), pa.array(words)).to_numpy(
        zero_copy_only=False
    )
    rows: Flags = summed(books.slot_rows("wires"), said.astype(np.int64), books.slots) > 0
    return rows


def full_words(results: Results) -> str:
    """The answer: in how many slots the feeder was full, when most, and what was held back at whose cost."""
    full, facts = strained(results), results.facts
    word, slots = slot_word(facts), int(full.full.sum())
    if slots:
        said = f"The feeder was full in {slots} of {several(facts.slots, word)}: {listed(_ways(full))}."
    else:
        said = "The feeder was never full: no limit was passed."
    if full.unsolved.any():
        first = start_words(facts, int(np.argmax(full.unsolved)))
        said += (
            f" In {int(full.unsolved.sum())} of them, first at {first}, there is no power flow: more was asked of the feeder than it can bring, and what was "
            "lost is not known."
        )
    return f"{said} {_fullest(results)}{_kept(results, full)}{_held(results, full, burden(results.books))}"


def _ways(full: Strained) -> list[str]:
    """In how many slots which limit counted."""
    cut = full.cut_wh > 0
    said = [f"in {int(full.metered.sum())} by what was metered"] if full.metered.any() else []
    if full.agreed.any():
        kept = f", trades being cut in {int(cut.sum())}" if cut.any() else ""
        kept += (
            f", all trades being void in {int(full.void.sum())}, where no cut would have helped"
            if full.void.any()
            else ""
        )
        kept = kept or ", and nothing was cut"
        said.append(f"in {int(full.agreed.sum())} by what was agreed{kept}")
    elif cut.any():
        said.append(f"trades were cut in {int(cut.sum())}")
    return said + (
        [f"in {int(full.filled.sum())} by trades, which the market kept within it"] if full.filled.any() else []
    )


def _fullest(results: Results) -> str:
    """Of the run's own table; nothing where no feeder was looked at."""
    rows = [row for row in results.books.tables["wires"].to_pylist() if row["fullest"]]
    if not rows:
        return ""
    full = max(rows, key=lambda row: row["loading_ppm"])
    when = start_words(results.facts, full["slot"] - results.facts.first_slot)
    part = 1.0 if results.facts.wires is None else results.facts.wires.rating_share
    of = "of its rating" if part == 1 else "of what it may carry"
    share = full["loading_ppm"] / _MILLION / part
    return (
        f"Fullest was {branch_words(full['fullest'])}, {when}: {percent(share)} {of}. {_voltage(results, rows, share)}"
    )


def _voltage(results: Results, rows: list[dict[str, Any]], loaded: float) -> str:
    """Of the voltage nearest to its limit, or furthest beyond it; nothing where the fullest line is nearer to its own."""
    if results.flowed is None:
        return ""
    feeder = results.flowed.wires.feeder
    used, said = 0.0, ""
    for bus, ppm, limit, cause in (
        ("highest", "high_ppm", feeder.voltage_high_share, "feeding in raises it"),
        ("lowest", "low_ppm", feeder.voltage_low_share, "drawing lowers it"),
    ):
        for row in rows:
            if limit == 1 or not row[bus] or (near := (row[ppm] / _MILLION - 1) / (limit - 1)) <= used:
                continue
            when = start_words(results.facts, row["slot"] - results.facts.first_slot)
            used, said = (
                near,
                (
                    f"Voltages came nearer to their limits than lines: that of bus {row[bus]}, {when}, was {_tenths(row[ppm] / _MILLION)} of the nominal one, "
                    f"where {_tenths(limit)} is the limit ({cause}). "
                ),
            )
    return said if used >= max(loaded, _NEAR_LIMIT) else ""


def _tenths(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def branch_words(name: str) -> str:
    """`the transformer`, or `line l07`."""
    return "the transformer" if name == "transformer" else f"line {name}"


def _kept(results: Results, full: Strained) -> str:
    """What the market's own limits cost at most; it is nobody's by name: another trade might have been made in place of a wish that found none."""
    if not full.filled.any():
        return ""
    reached, optimum = clearing_welfare_nano(results.books)
    less = int((optimum - reached)[full.filled].sum())
    return f"Where the market kept trades to what wires carry, they brought {money(less, results.facts.currency)} less than the same orders could have without wires. "


def _held(results: Results, full: Strained, bore: Burden) -> str:
    """What trades and panels gave for it, and who most."""
    currency = results.facts.currency
    parts = []
    for what, wh, nano in (
        ("of trades were cut", int(full.cut_wh.sum()), bore.cut_nano),
        ("of sun were held back", int(full.held_wh.sum()), bore.held_nano),
    ):
        if wh:
            most = int(np.argmax(nano))
            whose = f", {results.books.ids[most]} most" if nano[most] > 0 else ""
            parts.append(f"{energy(wh)} {what}, worth about {money(int(nano.sum()), currency)}{whose}")
    if parts:
        return f"{listed(parts)}."
    return "Nothing was cut or held back." if not full.filled.any() else "Nothing was cut after that."
