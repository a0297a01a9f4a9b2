"""What the wires did to a member, slot by slot: its caps, what its inverter held back, what was cut of its trades and why, what its way cost."""

from __future__ import annotations

import csv
import io
from typing import Final

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.burden import held_wh
from commonwatt.services.reporting.ways import way_fees_by_cell
from commonwatt.services.reporting.words import local_start

MEMBER_WIRES: Final = (
    "slot_start", "slot", "export_cap_wh", "import_cap_wh", "held_back_wh", "cut_sold_wh", "cut_bought_wh", "cut_why", "way_fee_nano",
)  # fmt: skip
"""Columns of `wires.csv` of a member."""
_SIDES: Final = ("sell", "buy")


class MemberWires:
    """Writes that file for each member; the tables are read once for all."""

    def __init__(self, books: Books) -> None:
        self._books = books
        caps, cut = (books.tables[name] for name in ("envelopes", "curtailments"))
        self._capped = books.per_cell(books.cell_rows("envelopes"), np.ones(caps.num_rows, np.int64)) > 0
        self._caps = [
            books.per_cell(books.cell_rows("envelopes"), numbers(caps, f"{name}_wh")) for name in ("export", "import")
        ]
        cells = books.cell_of_order
        self._why: dict[int, list[str]] = {}
        cut_wh = []
        for side in _SIDES:
            at = np.array([cells.get(order, -1) for order in cut.column(f"{side}_order").to_pylist()], np.int64)
            cut_wh.append(books.per_cell(at, numbers(cut, "energy_wh")))
            for cell, why in zip(at.tolist(), cut.column("why").to_pylist(), strict=True):
                said = self._why.setdefault(cell, [])
                if why and why not in said:
                    said.append(why)
        self._figures: list[Ints] = [held_wh(books), *cut_wh]
        self._paid: Ints = sum(way_fees_by_cell(books), np.zeros(books.cells, np.int64))

    def csv(self, member: int) -> bytes:
        """One row a slot in which the member had caps or any of the other figures is not 0; caps are empty where there are none."""
        books = self._books
        sink = io.StringIO(newline="")
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(MEMBER_WIRES)
        touched = self._capped | (self._paid != 0) | np.any([column > 0 for column in self._figures], axis=0)
        for at in np.flatnonzero(touched.reshape(books.slots, books.members)[:, member]).tolist():
            cell = at * books.members + member
            start = local_start(books.facts, at).isoformat()
            caps = [int(cap[cell]) if self._capped[cell] else "" for cap in self._caps]
            figures = [int(column[cell]) for column in self._figures]
            why = "; ".join(self._why.get(cell, []))
            writer.writerow([start, books.facts.first_slot + at, *caps, *figures, why, int(self._paid[cell])])
        return sink.getvalue().encode()
