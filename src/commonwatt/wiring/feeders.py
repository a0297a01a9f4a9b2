"""Feeders on their own: what one is, in words; one of another tool as a file; members spread over its buses."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

import numpy as np

from commonwatt.adapters.csv_table import MOST_BYTES, read_bytes, read_csv
from commonwatt.adapters.feeder_file import FEEDER, JSON, PARTS, SUFFIX, FeederFile, read_feeder, read_feeder_file
from commonwatt.adapters.store.files import write_text
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.foreign import toml_of
from commonwatt.grid import Feeder, feeder_doubts, power_flow
from commonwatt.services.reporting.words import several
from commonwatt.settings.sections import SECTIONS

_BUS: Final = "bus"


@dataclass(frozen=True)
class FeederRequest:
    """What `commonwatt feeder` is asked for."""

    source: str
    to: Path | None = None
    """Where the feeder is written; None: nowhere."""
    members: Path | None = None
    """A list of members that is given buses; None: none."""
    force: bool = False


def feeder_told(request: FeederRequest) -> list[str]:
    """What a feeder is and what was written, in words; either everything is written or nothing.

    Raises:
        InvalidInput: every fault of the feeder, of the list of members and of where to write.

    """
    file, found = read_feeder(request.source, Path(), "FEEDER", may_loop=True)
    to, text = request.to, ""
    if to is not None and to.suffix != SUFFIX:
        found.append(Finding(f"--to {to}", f"a name that ends with {SUFFIX}", repr(to.suffix)))
    elif to is not None and to.exists() and not request.force:
        found.append(Finding(f"--to {to}", "no such file yet (--force replaces it)", "a file"))
    if request.members is not None:
        text, faults = _placed(request.members, file, request.force)
        found += faults
    require(found)
    if file is None:  # it has findings
        return []
    loops = _loops(file.feeder)
    said = _told(file)
    if to is not None:
        _write(to, file.text, "--to")
        said.append(f"Written: {to}.")
    if request.members is not None:
        _write(request.members, text, "--members")
        said.append(f"Written: a bus for every member in {request.members}.")
    if to is not None:
        folder = quote(str(to.parent))
        said.append(
            f"Next: commonwatt check {folder} --set grid.model={'meshed' if loops else 'radial'} --set grid.feeder={quote(to.name)}"
        )
        said.append(
            f'To keep it, in community.toml under [grid]: model = "{"meshed" if loops else "radial"}" and feeder = "{to.name}".'
        )
    return said


def is_feeder(path: Path) -> bool:
    """Whether a file is meant as a feeder: the JSON of a network, `feeder.toml`, or TOML with parts of a feeder and no section of a community."""
    if path.suffix != SUFFIX or path.is_dir():
        return path.suffix == JSON and not path.is_dir()
    data, found = read_bytes(path, path.name, MOST_BYTES)
    keys = set() if found else toml_of(path.name, data)[0].keys()
    return not keys & {*SECTIONS, "federation"} and (path.name == FEEDER or bool(keys & PARTS))


def checked_feeder(path: Path) -> list[str]:
    """What a feeder's file holds, in words.

    Raises:
        InvalidInput: with every fault of the file.

    """
    file, found = read_feeder_file(path, may_loop=True)
    require(found)
    return [f"{path.name}: no faults found.", *_told(file)] if file is not None else []


def _told(file: FeederFile) -> list[str]:
    """What a feeder is, what was left out of it, and what can be doubted."""
    feeder, loops = file.feeder, _loops(file.feeder)
    looped = [f"It has {several(loops, 'loop')}: only the grid model meshed takes it."] if loops else []
    return [feeder_line(feeder), *looped, *file.notes, *feeder_doubts(feeder), *([] if loops else _own_excess(feeder))]


def _loops(feeder: Feeder) -> int:
    return len(feeder.branches) + 1 - len(feeder.buses)


def _own_excess(feeder: Feeder) -> list[str]:
    """The doubt that the loads of a radial feeder itself are more than it carries, or than it can bring at all."""
    if not feeder.loads:
        return []
    nothing = np.zeros((len(feeder.buses), 1))
    flow = power_flow(feeder, nothing, nothing)
    if not flow.is_solved[0]:
        return ["Doubt: the feeder cannot bring what its own loads draw: a power flow of them alone has no solution."]
    loading = flow.loading_share[:, 0]
    fullest = int(loading.argmax())
    if loading[fullest] <= 1:
        return []
    return [
        f"Doubt: the feeder's own loads pass its limits without any member: {feeder.tree.names[fullest]} at {100 * loading[fullest]:.0f} % of what it may carry."
    ]


def feeder_line(feeder: Feeder) -> str:
    """What a feeder is, in one line."""
    length_m = sum(line.length_m for line in feeder.lines)
    buses, lines = several(len(feeder.buses), "bus", "buses"), several(len(feeder.lines), "line")
    rated_kva = feeder.transformer.rating_va / 1000
    own_kw = -float(feeder.own_va.real.sum()) / 1000
    own = f", and {own_kw:,.0f} kW of its own" if feeder.loads else ""
    return f"Feeder {feeder.name}: {buses}, {lines} of {length_m:,.0f} m, a transformer of {rated_kva:,.0f} kVA{own}."


def _placed(path: Path, file: FeederFile | None, force: bool) -> tuple[str, list[Finding]]:
    """The list of members with a bus for each: the n-th of N on the bus of the load that stands there in the row of all loads."""
    data, found = read_bytes(path, path.name)
    if found:
        return "", found
    table, found = read_csv(data, path.name)
    if table is None or found:
        return "", found
    already = [line for line, cell in zip(table.lines, table.columns.get(_BUS, []), strict=False) if cell]
    if already and not force:
        return "", [
            Finding(
                f"{path.name}:{already[0]} {_BUS}", "no buses yet (--force replaces them)", f"{len(already)} of them"
            )
        ]
    if file is None:
        return "", []
    feeder, many = file.feeder, len(table.lines)
    spots = file.loads or tuple(bus.id for bus in feeder.buses if bus.id != feeder.root) or (feeder.root,)
    columns = {**table.columns, _BUS: [spots[row * len(spots) // many] for row in range(many)]}
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue(), []


def _write(path: Path, text: str, option: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        require([Finding(f"{option} {path}", "a file that can be written", (error.strerror or str(error)).lower())])
