"""Reporting: from a finished run's tables to summary.json, report.html, the terminal's ending and every member's bill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commonwatt.services.reporting.facts import RunFacts, RunTables

if TYPE_CHECKING:
    from commonwatt.services.reporting.summary import Results

__all__ = ["RunFacts", "RunTables", "report"]


def report(facts: RunFacts, tables: RunTables, folder: Path) -> Results:
    """Write `summary.json`, `report.html` and `members/ID/bill.csv` into the folder of a run; the results are for the terminal's ending."""
    from commonwatt.services.reporting.bills import Bills
    from commonwatt.services.reporting.page import page
    from commonwatt.services.reporting.summary import results, summary_json

    found = results(facts, tables)
    bills = Bills(found.books)
    for member, name in enumerate(found.books.ids):
        place = folder / "members" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "bill.csv").write_bytes(bills.csv(member))
    (folder / "report.html").write_text(page(found), encoding="utf-8", newline="\n")
    (folder / "summary.json").write_text(summary_json(found.summary), encoding="utf-8", newline="\n")
    return found
