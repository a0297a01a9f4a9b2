"""What a run leaves in its members' folders, read as rows."""

import csv
from pathlib import Path


def member_wires(out: Path) -> list[dict[str, str]]:
    """The rows of every member's `wires.csv`."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(out.glob("members/*/wires.csv"))]
    return [row for text in texts for row in csv.DictReader(text.splitlines())]
