"""Where a network's buses are drawn: metres, from degrees of longitude and latitude or from a plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from commonwatt.adapters.foreign_feeders.frames import is_number
from commonwatt.core.foreign import parsed_json

if TYPE_CHECKING:
    from commonwatt.adapters.foreign_feeders.net import Net

_METRES_PER_DEGREE: Final = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""
_FARTHEST: Final = 1e9
_DEGREES_ACROSS: Final = 2.0
"""A feeder that is wider than so many units was not drawn in degrees."""


def metres(net: Net, groups: list[int]) -> dict[int, tuple[float, float]]:
    """Metres to the right and upwards of the buses that the network places, from the middle of them."""
    drawn = net.frames.get("bus_geodata")
    at = {}
    for group in groups:
        spot = _point(net.frames["bus"][group].get("geo"))
        if spot is None and isinstance(drawn, dict):
            row = drawn.get(group)
            spot = _pair(row.get("x"), row.get("y")) if isinstance(row, dict) else None
        if spot is not None:
            at[group] = spot
    if len(at) < len(groups):
        net.notes.append(f"Without a place on the plan: {len(groups) - len(at)} of {len(groups)} buses.")
    if not at:
        return {}
    xs, ys = [x for x, _ in at.values()], [y for _, y in at.values()]
    middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    scale_x = scale_y = 1.0
    if max(max(xs) - min(xs), max(ys) - min(ys)) < _DEGREES_ACROSS and max(map(abs, ys)) <= 90:
        scale_y = _METRES_PER_DEGREE
        scale_x = scale_y * math.cos(math.radians(middle[1]))
    return {
        group: (round((x - middle[0]) * scale_x, 1) + 0.0, round((y - middle[1]) * scale_y, 1) + 0.0)
        for group, (x, y) in at.items()
    }


def _point(geo: Any) -> tuple[float, float] | None:
    """The place that a point of GeoJSON names; None where it names none."""
    try:
        table = parsed_json(geo) if isinstance(geo, str) else geo
    except ValueError:
        return None
    spot = table.get("coordinates") if isinstance(table, dict) else None
    return _pair(*spot[:2]) if isinstance(spot, list) and len(spot) >= 2 else None


def _pair(x: Any, y: Any) -> tuple[float, float] | None:
    if is_number(x) and is_number(y) and abs(x) < _FARTHEST and abs(y) < _FARTHEST:
        return float(x), float(y)
    return None
