"""A pandapower network's JSON as a feeder: what is on it, what was left out and said, what cannot be represented and found."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from commonwatt.adapters.foreign_feeders.frames import Rows, frames_of, is_number
from commonwatt.adapters.foreign_feeders.net import Net
from commonwatt.adapters.foreign_feeders.places import metres
from commonwatt.adapters.foreign_feeders.windings import Windings, tidy, transformer_of
from commonwatt.core.findings import Finding
from commonwatt.grid import Bus, Feeder, Line, Load
from commonwatt.services.reporting.words import several

NOT_MODELLED: Final = (
    *("trafo3w", "gen", "dcline", "impedance", "shunt", "ward", "xward", "svc", "tcsc", "ssc", "vsc"),
    *("vsc_stacked", "vsc_bipolar", "b2b_vsc", "bi_vsc", "bus_dc", "line_dc", "source_dc", "load_dc"),
)
"""Tables of equipment that changes a power flow and that a feeder of ours does not have."""
MEMBERS: Final = ("load", "asymmetric_load", "motor", "sgen", "asymmetric_sgen", "storage")
"""Tables of those who draw and feed in: members take their place."""
_WORTH_A_LOOK: Final = 1e-3
"""Part of the transformer's rating from which on the lines' capacitance is no trifle: cables of medium voltage."""
_ONE_SOURCE: Final = "one source (ext_grid) in service"


@dataclass(frozen=True)
class Converted:
    """A feeder made of another tool's network."""

    feeder: Feeder
    loads: tuple[str, ...]
    """Ids of the buses where the network has loads, each once for every load, in their order."""
    notes: tuple[str, ...]
    """What was left out or changed on the way, in words."""


@dataclass(frozen=True)
class Way:
    """A line that carries current, between two buses of the network."""

    begin: int
    end: int
    line: Line
    """Its figures; buses of ours come later."""
    charging_var: float
    """What it gives as a capacitor at nominal voltage."""


def feeder_of_json(text: str, file: str, name: str = "") -> tuple[Converted | None, list[Finding]]:
    """The feeder of a pandapower network's JSON; None and every finding where it cannot be represented.

    Whether the result is a tree, and its numbers are ones to compute with, `feeder_findings` says.
    """
    frames, found = frames_of(text, file)
    if found:
        return None, found
    net = Net(file, frames)
    for table in NOT_MODELLED:
        if rows := net.rows(table):
            first = next(iter(rows.values())).get("name")
            told = f"{len(rows)}" + (f", the first is {first!r}" if first else "")
            net.found.append(Finding(f"{file} {table}", "none in service: no feeder here has such a thing", told))
    made = _made(net, name)
    # A row may have been asked twice.
    return (None, list(dict.fromkeys(net.found))) if net.found or made is None else (made, [])


def _made(net: Net, name: str) -> Converted | None:
    joined = _joined(net)
    sources = net.rows("ext_grid")
    if len(sources) != 1 or not joined:
        net.found.append(Finding(f"{net.file} ext_grid", _ONE_SOURCE, str(len(sources))))
        return None
    source = next(iter(sources.values()))
    at, volt = net.bus("ext_grid", source, "bus"), net.number("ext_grid", source, "vm_pu", 1.0)
    home = joined.get(at) if at is not None else None
    if home is None:
        net.found.append(Finding(f"{net.file} ext_grid bus", "a bus in service", repr(source.get("bus"))))
        return None
    windings = transformer_of(net, joined, home, _opened(net, "t"))
    if windings is None:
        return None
    lines = _lines(net, joined, home)
    loads = [joined[bus] for bus in _member_buses(net) if bus in joined]
    held = {windings.low, *loads, *(end for way in lines for end in (way.begin, way.end))}
    alone = sorted({group for group in joined.values() if group not in held and group != home})
    if alone:
        told = several(len(alone), "bus", "buses")
        net.notes.append(f"Left out: {told} without a line and without a load.")
    return _assembled(net, name, windings, volt, sorted(held - {home}), lines, loads)


def _assembled(
    net: Net,
    name: str,
    windings: Windings,
    source_share: float,
    groups: list[int],
    lines: list[Way],
    loads: list[int],
) -> Converted | None:
    buses: Rows = net.frames["bus"]
    base_kv = windings.low_kv
    for group in groups:
        own_kv = net.number(f"bus {group}", buses[group], "vn_kv")
        if not math.isclose(own_kv, base_kv, rel_tol=1e-6):
            expected = f"{base_kv:g}, as behind the transformer: one level of voltage"
            net.found.append(Finding(f"{net.file} bus {group} vn_kv", expected, f"{own_kv:g}"))
    ids = _ids(buses, groups)
    spots = metres(net, groups)
    low, high = (_limit(net, groups, *terms) for terms in (("min_vm_pu", 0.9), ("max_vm_pu", 1.1)))
    _say_members(net)
    if net.found:
        return None
    told = net.frames.get("name")
    called = next(
        (text for text in (name, told, net.file) if isinstance(text, str) and text and text.isprintable()), "feeder"
    )
    feeder = Feeder(
        name=called,
        about=f"Converted from {net.file}, a network of pandapower.",
        base_v=base_kv * 1000,
        source_share=tidy(source_share * windings.ratio),
        voltage_low_share=low,
        voltage_high_share=high,
        root=ids[windings.low],
        transformer=windings.under(source_share),
        buses=tuple(Bus(ids[group], *spots.get(group, (0.0, 0.0))) for group in groups),
        lines=_named_lines(lines, ids),
        loads=_capacitors(net, lines, ids, windings.transformer.rating_va),
    )
    return Converted(feeder, tuple(ids[group] for group in loads), tuple(net.notes))


def _joined(net: Net) -> dict[int, int]:
    """Of every bus in service the smallest bus that closed switches join it to."""
    group = {bus: bus for bus in net.rows("bus")}

    def end(bus: int) -> int:
        while group[bus] != bus:
            group[bus] = group[group[bus]]
            bus = group[bus]
        return bus

    for number, row in net.rows("switch").items():
        if row.get("et") != "b" or row.get("closed") is False:
            continue
        ends = [net.bus(f"switch {number}", row, key) for key in ("bus", "element")]
        if net.number(f"switch {number}", row, "z_ohm", 0.0) > 0:
            net.notes.append(f"Switch {number} between two buses has an impedance: it counts as none.")
        pair = sorted(end(bus) for bus in ends if bus in group)
        if len(pair) == 2:  # a bus out of service takes its switch with it
            group[pair[1]] = pair[0]
    return {bus: end(bus) for bus in group}


def _opened(net: Net, kind: str) -> set[int]:
    """The lines (`l`) or transformers (`t`) that an open switch takes out."""
    return {
        row["element"]
        for row in net.rows("switch").values()
        if row.get("et") == kind and row.get("closed") is False and row.get("element") is not None
    }


def _lines(net: Net, joined: dict[int, int], home: int) -> list[Way]:
    """Buses and the line between them, for every line that carries current."""
    opened, kept = _opened(net, "l"), []
    for number, row in net.rows("line").items():
        place = f"line {number}"
        ends = [net.bus(place, row, key) for key in ("from_bus", "to_bus")]
        if number in opened or any(bus is None or bus not in joined for bus in ends):
            continue
        begin, end = (joined[bus] for bus in ends if bus is not None)
        if home in (begin, end):
            expected = "no line ahead of the transformer: the source stands at its bus"
            net.found.append(Finding(f"{net.file} {place}", expected, repr(row.get("name"))))
            continue
        if begin == end:
            net.notes.append(f"Left out: line {number}, which closed switches bridge.")
            continue
        kept.append(Way(begin, end, _line(net, number, row), _charging_var(net, number, row)))
    left_out = len(opened & net.rows("line").keys())
    if left_out:
        net.notes.append(f"Left out: {several(left_out, 'line')} that a switch opens.")
    return kept


def _line(net: Net, number: int, row: dict[str, Any]) -> Line:
    place = f"line {number}"
    parallel = net.number(place, row, "parallel", 1.0)
    if not parallel >= 1:
        net.found.append(Finding(f"{net.file} {place} parallel", "at least 1", f"{parallel:g}"))
        parallel = 1.0
    name = row.get("name")
    return Line(
        name or f"line {number}",
        "",
        "",
        tidy(1000 * net.number(place, row, "length_km")),
        tidy(net.number(place, row, "r_ohm_per_km") / parallel),
        tidy(net.number(place, row, "x_ohm_per_km") / parallel),
        tidy(1000 * net.number(place, row, "max_i_ka") * parallel * net.number(place, row, "df", 1.0)),
    )


def _charging_var(net: Net, number: int, row: dict[str, Any]) -> float:
    place, buses = f"line {number}", net.frames["bus"]
    kv = net.number(place, buses[row["from_bus"]], "vn_kv") if row.get("from_bus") in buses else 0.0
    farad = 1e-9 * net.number(place, row, "c_nf_per_km", 0.0) * net.number(place, row, "length_km")
    hertz = net.number("f_hz", net.frames, "f_hz", 50.0)
    return 2 * math.pi * hertz * farad * (kv * 1000) ** 2 * net.number(place, row, "parallel", 1.0)


def _named_lines(lines: list[Way], ids: dict[int, str]) -> tuple[Line, ...]:
    """The lines between the buses' ids, every one with a name of its own."""
    named, taken = [], set()
    for way in lines:
        line = way.line
        name, again = line.id, 1
        while name in taken:
            again += 1
            name = f"{line.id} ({again})"
        taken.add(name)
        figures = (line.length_m, line.r_ohm_per_km, line.x_ohm_per_km, line.rating_a)
        named.append(Line(name, ids[way.begin], ids[way.end], *figures))
    return tuple(named)


def _capacitors(net: Net, lines: list[Way], ids: dict[int, str], rating_va: float) -> tuple[Load, ...]:
    """What lines give as capacitors, half at either end, where it is worth a look."""
    at: dict[int, float] = {}
    for way in lines:
        for end in (way.begin, way.end):
            at[end] = at.get(end, 0.0) + way.charging_var / 2
    whole_var = sum(at.values())
    if whole_var <= 0:
        return ()
    told = f"what the lines give as capacitors, {whole_var / 1000:,.3g} kvar at nominal voltage"
    if whole_var < _WORTH_A_LOOK * rating_va:
        net.notes.append(f"Left out: {told}.")
        return ()
    net.notes.append(f"Taken as loads of the feeder: {told}.")
    return tuple(Load(ids[group], 0.0, -tidy(var)) for group, var in sorted(at.items()) if var > 0)


def _ids(buses: Rows, groups: list[int]) -> dict[int, str]:
    """Of each group its bus's name; `bus 7` where the name is none, or another's."""
    names: dict[int, str | None] = {group: buses[group].get("name") for group in groups}
    times = Counter(names.values())
    return {group: name if name and times[name] == 1 else f"bus {group}" for group, name in names.items()}


def _limit(net: Net, groups: list[int], key: str, default: float) -> float:
    """The limit of voltage that most buses have: a feeder has one for all of them."""
    values = [net.frames["bus"][group].get(key) for group in groups]
    named = [float(value) for value in values if is_number(value) and 0 < value < 10]
    if not named:
        net.notes.append(f"No limits of voltage ({key}): {default:g} of the nominal one is taken.")
        return default
    common = Counter(named).most_common(1)[0][0]
    if others := sum(value != common for value in named):
        told = several(others, "bus", "buses")
        net.notes.append(f"Limits of voltage ({key}): {common:g} for all, other than at {told}.")
    return common


def _member_buses(net: Net) -> list[int]:
    """The bus of every load."""
    rows = [row for table in ("load", "asymmetric_load") for row in net.rows(table).values()]
    return [row["bus"] for row in rows if row.get("bus") is not None]


def _say_members(net: Net) -> None:
    counts = [f"{len(rows)} {table}" for table in MEMBERS if (rows := net.rows(table))]
    if counts:
        net.notes.append(f"Not taken over: {', '.join(counts)}; members take their place.")
