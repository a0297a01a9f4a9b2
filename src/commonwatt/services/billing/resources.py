"""The texts a bill's page is made with; in the standalone verifier they are part of the file."""

from functools import cache
from importlib.resources import files

FOLDERS = {
    "bill.html": "commonwatt.services.billing",
    "bill.css": "commonwatt.services.billing",
    "page.css": "commonwatt.services.reporting",
}


@cache
def resource(name: str) -> str:
    """A text by file name: the frame of the page, its style, and the style it shares with the report."""
    return files(FOLDERS[name]).joinpath(name).read_text(encoding="utf-8")
