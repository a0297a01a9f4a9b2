"""Reading a CSV file as text columns with the line numbers an editor shows, and saying what is wrong with its form."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import text_of

MOST_BYTES: Final = 64 * 2**20
"""Of a file that a person keeps by hand: a feeder, a list of members."""


@dataclass(frozen=True)
class TextTable:
    """A CSV file: stripped text by column, and the line of each row (the header is line 1)."""

    file: str
    lines: list[int]
    columns: dict[str, list[str]]

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line and cells of each row."""
        names = list(self.columns)
        for line, *cells in zip(self.lines, *self.columns.values(), strict=True):
            yield line, dict(zip(names, cells, strict=True))


def read_bytes(path: Path, label: str, most_bytes: int | None = None) -> tuple[bytes, list[Finding]]:
    """A file's bytes, or why it cannot be read.

    With `most_bytes` it is a plain file that is no larger: a pipe would never end, and what is larger than any such file is not worth a wait.
    """
    try:
        if most_bytes is not None and not path.is_dir():
            about = path.stat()
            if not stat.S_ISREG(about.st_mode):
                return b"", [Finding(label, "a file", "something else")]
            if about.st_size > most_bytes:
                return b"", [Finding(label, f"{most_bytes // 2**20} MiB at most", f"{about.st_size / 2**20:,.0f} MiB")]
        return path.read_bytes(), []
    except FileNotFoundError:
        return b"", [Finding(label, "a file" + nearest_name(path), "none")]
    except (OSError, ValueError) as error:  # a folder, no permission, a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        return b"", [Finding(label, "a file that can be read", str(reason).lower())]


def read_csv(data: bytes, file: str) -> tuple[TextTable | None, list[Finding]]:
    """A CSV file of commas in UTF-8 (a byte order mark is accepted); None when its form is wrong as a whole.

    A row with too few or too many cells is a finding and left out.
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return None, [Finding(file, "text in UTF-8", "UTF-16 (save it as 'CSV UTF-8')")]
    text, found = text_of(file, data)
    if found:
        return None, found
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        before = 0
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        return None, [Finding(f"{file}:{reader.line_num}", "comma-separated values", str(error))]
    if not rows:
        return None, [Finding(f"{file}:1", "a header with column names", "an empty file")]
    return _table(file, rows)


def column_findings(
    place: str, header: Sequence[str], required: Sequence[str], known: Sequence[str] = ()
) -> list[Finding]:
    """Columns that are missing, and (when `known` is given) columns nobody knows, each with the nearest right name.

    `place` is where the header stands: `members.csv:1`, or a Parquet file's name.
    """
    found = []
    spare = [name for name in header if name not in required and name not in known]
    for name in required:
        if name not in header:
            near = difflib.get_close_matches(name, spare, n=1, cutoff=0.5)
            found.append(Finding(f"{place} {name}", "a column of this name", f"{near[0]!r}" if near else "none"))
    for name in spare if known else ():
        found.append(Finding(f"{place} {name}", f"a known column: {one_of(name, known)}", repr(name)))
    return found


def _table(file: str, rows: list[tuple[int, list[str]]]) -> tuple[TextTable | None, list[Finding]]:
    first_line, names = rows[0][0], [cell.strip() for cell in rows[0][1]]
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            hint = f"{word} (export it with commas between columns and a point in decimals)"
            return None, [Finding(f"{file}:{first_line}", "columns separated by commas", hint)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return None, [Finding(f"{file}:{first_line} {name}", "a column once", "the name twice") for name in twice]
    good, found = [], []
    for line, cells in rows[1:]:
        if len(cells) == len(names):
            good.append((line, cells))
        else:
            found.append(Finding(f"{file}:{line}", f"{len(names)} cells, as the header has", str(len(cells))))
    columns = {name: [cells[i].strip() for _, cells in good] for i, name in enumerate(names)}
    return TextTable(file, [line for line, _ in good], columns), found


def nearest_name(path: Path) -> str:
    """` (did you mean fontana?)` when a file or folder of nearly this name lies there, else nothing."""
    try:
        names = [p.name for p in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, sorted(names), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""
