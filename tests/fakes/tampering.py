"""A dishonest operator: changes public files of a run and writes a manifest that fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.fakes.small_runs import read_json

from commonwatt.adapters.store.run_folder import CHAIN, MANIFEST, file_hashes, files_root


def sealed(public: Path) -> None:
    """Hash the files again, as whoever changed them would."""
    import hashlib

    manifest = read_json(public / MANIFEST)
    hashes = file_hashes(public)
    manifest["files"] = {**hashes, CHAIN: hashlib.sha256((public / CHAIN).read_bytes()).hexdigest()}
    manifest["root"] = files_root(hashes).hex()
    (public / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def change_cell(public: Path, table: str, column: str, change: Callable[[Any], Any], row: int | None = None) -> Any:
    """Change one value of a public table (the first that is not null, unless a row is named); returns its row as it was."""
    path = public / f"{table}.parquet"
    content = pq.read_table(path)
    values = content[column].to_pylist()
    at = next(i for i, value in enumerate(values) if value is not None) if row is None else row
    before = {name: content[name][at].as_py() for name in content.column_names}
    values[at] = change(values[at])
    index = content.column_names.index(column)
    field = content.schema.field(column)
    pq.write_table(content.set_column(index, field, pa.array(values, field.type)), path, compression="zstd")
    return before


def changed(value: Any) -> Any:
    """Another value of the same type that reads as an honest one."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value.startswith("0x"):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return str(value) + "x"


def text_replaced(path: Path, old: str, new: str) -> None:
    """Change a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
