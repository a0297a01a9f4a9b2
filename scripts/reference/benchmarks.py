"""The page of benchmarks, from the committed file of one run of `commonwatt bench`."""

from pathlib import Path

from commonwatt.benchmarks.rows import read_report
from commonwatt.benchmarks.table import markdown

RESULTS = Path(__file__).resolve().parents[2] / "docs/reference/benchmarks.json"


def page() -> str:
    """The page, as Markdown."""
    return markdown(read_report(RESULTS))
