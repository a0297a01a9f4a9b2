"""Bills: every member's statement lines as CSV, on its own wall clock, with a running total."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from commonwatt.core.units import MICRO_PER_UNIT, NANO_PER_UNIT, Ints
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.words import local_start


class Bills:
    """Writes the bills of a run; the tables are sorted once for all members."""

    def __init__(self, books: Books) -> None:
        self._books = books
        statements = books.tables["statements"]
        self._statements = _by_member(statements, books.member_rows("statements"), books.members)
        readings = books.tables["readings"]
        self._readings = _by_member(readings, books.member_rows("readings"), books.members)
        self._starts = np.array([local_start(books.facts, at).isoformat() for at in range(books.slots)], dtype=object)

    def csv(self, member: int) -> bytes:
        """The bill of a member by index: one line a leg in order of slot and revision; amounts positive: to the member.

        `reading` says how the meter's value came about: a gap is `substituted`, what settles it later is `corrected`.
        """
        rows = self._statements[member]
        currency = self._books.facts.currency
        slot, revision, amount = (numbers(rows, name) for name in ("slot", "revision", "amount_nano"))
        micro = numbers(rows, "price_micro_per_kwh")
        columns = {
            "slot_start": pa.array(self._starts[slot - self._books.facts.first_slot], pa.string()),
            "slot": rows.column("slot"),
            "revision": rows.column("revision"),
            "leg": rows.column("leg").cast(pa.string()),
            "reading": pa.array(self._qualities(member, slot, revision), pa.string()),
            "energy_wh": rows.column("energy_wh"),
            "price_micro_per_kwh": rows.column("price_micro_per_kwh"),
            "amount_nano": rows.column("amount_nano"),
            f"price_{currency}_per_kwh": _decimal(micro, MICRO_PER_UNIT),
            f"amount_{currency}": _decimal(amount, NANO_PER_UNIT),
            f"running_total_{currency}": _decimal(np.cumsum(amount), NANO_PER_UNIT),
        }
        sink = io.BytesIO()
        sink.write((",".join(columns) + "\n").encode())
        pacsv.write_csv(pa.table(columns), sink, pacsv.WriteOptions(include_header=False, quoting_style="none"))
        return sink.getvalue()

    def _qualities(self, member: int, slot: Ints, revision: Ints) -> list[str | None]:
        readings = self._readings[member]
        keys = zip(numbers(readings, "slot").tolist(), numbers(readings, "revision").tolist(), strict=True)
        known = dict(zip(keys, readings.column("quality").to_pylist(), strict=True))
        return [known.get(key) for key in zip(slot.tolist(), revision.tolist(), strict=True)]


def _by_member(table: pa.Table, member: Ints, members: int) -> list[pa.Table]:
    """The rows of each member in order of slot and revision, else as written."""
    order = np.lexsort((numbers(table, "revision"), numbers(table, "slot"), member))
    bounds = np.searchsorted(member[order], np.arange(members + 1))
    ordered = table.take(pa.array(order))
    return [ordered.slice(int(low), int(high - low)) for low, high in pairwise(bounds)]


def _decimal(values: Ints, per_unit: int) -> pa.Array:
    """Whole numbers of a small unit as exact decimals of the large one, never in scientific notation."""
    whole, rest = np.divmod(np.abs(values), per_unit)
    sign = pa.array(np.where(values < 0, "-", ""), pa.string())
    tail = pc.utf8_lpad(pa.array(rest).cast(pa.string()), width=len(str(per_unit)) - 1, padding="0")
    return pc.binary_join_element_wise(
        sign, pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), tail, "."), ""
    )
