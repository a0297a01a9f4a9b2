"""Reporting: from a finished run's tables to summary.json, report.html, the terminal's ending and every member's bill."""

from commonwatt.services.reporting.facts import RunFacts, RunTables

__all__ = ["RunFacts", "RunTables"]
