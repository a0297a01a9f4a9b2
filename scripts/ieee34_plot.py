"""Voltages over the distance from the substation, as SVG that needs no script and is read in the light and in the dark."""

from __future__ import annotations

from collections.abc import Callable

from commonwatt.grid import PHASES, PhaseFeeder, PhaseFlow

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 52, 16, 34, 44
MILES_PER_FT = 1 / 5280
LOW, HIGH, FURTHEST = 0.9, 1.06, 40.0
DASHES = {"A": "", "B": "7 3", "C": "2 3"}
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #333 }
.frame { stroke: #8888; stroke-width: 1; fill: none }
path { fill: none; stroke-width: 1.8 }
.A { stroke: #0072b2 } .B { stroke: #d55e00 } .C { stroke: #009e73 }
circle { fill: #777; stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .A { stroke: #56b4e9 } .B { stroke: #ff9d4d } .C { stroke: #3ddba6 } circle { fill: #bbb } }
</style>"""


def profile(feeder: PhaseFeeder, flow: PhaseFlow, even_share: Callable[[str], float]) -> str:
    """A line a phase along every branch, a dot at every bus for the balanced equivalent."""
    away = miles(feeder)
    parts = [_frame()]
    edges = [(line.begin, line.end) for line in feeder.lines]
    edges += [(each.begin, each.end) for each in feeder.regulators]
    edges += [(each.begin, each.end) for each in feeder.transformers]
    for at, phase in enumerate(PHASES):
        drawn = []
        for begin, end in edges:
            volts = float(flow.at(begin)[at]), float(flow.at(end)[at])
            if min(volts) > 0:
                drawn.append(f"M{_x(away[begin]):.1f} {_y(volts[0]):.1f}L{_x(away[end]):.1f} {_y(volts[1]):.1f}")
        parts.append(f'<path class="{phase}" stroke-dasharray="{DASHES[phase]}" d="{"".join(drawn)}"/>')
    parts += [
        f'<circle cx="{_x(away[bus.id]):.1f}" cy="{_y(even_share(bus.id)):.1f}" r="2.4"/>' for bus in feeder.buses
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Voltages of phases A, B and C over the distance from the substation">\n{STYLE}\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def miles(feeder: PhaseFeeder) -> dict[str, float]:
    """How far every bus is from the root along the wires."""
    ways: dict[str, list[tuple[str, float]]] = {}
    spans = [(line.begin, line.end, line.length_ft * MILES_PER_FT) for line in feeder.lines]
    spans += [(each.begin, each.end, 0.0) for each in feeder.regulators]
    spans += [(each.begin, each.end, 0.0) for each in feeder.transformers]
    for begin, end, length in spans:
        ways.setdefault(begin, []).append((end, length))
        ways.setdefault(end, []).append((begin, length))
    away, reached = {feeder.root: 0.0}, [feeder.root]
    for here in reached:
        for there, length in ways[here]:
            if there not in away:
                away[there] = away[here] + length
                reached.append(there)
    return away


def _x(mile: float) -> float:
    return LEFT + mile / FURTHEST * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return TOP + (HIGH - share) / (HIGH - LOW) * (HEIGHT - TOP - BOTTOM)


def _frame() -> str:
    parts = []
    for step in range(9):
        share = LOW + step * 0.02
        parts.append(
            f'<line class="frame" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.2f}</text>')
    for mile in range(0, int(FURTHEST) + 1, 10):
        parts.append(f'<text x="{_x(mile):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{mile}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">miles from the substation</text>')
    for at, phase in enumerate(PHASES):
        x = LEFT + 110 * at
        parts.append(f'<path class="{phase}" stroke-dasharray="{DASHES[phase]}" d="M{x} 16h28"/>')
        parts.append(f'<text x="{x + 34}" y="20">phase {phase}</text>')
    x = LEFT + 110 * len(PHASES)
    parts.append(f'<circle cx="{x + 6}" cy="16" r="2.4"/><text x="{x + 16}" y="20">balanced equivalent</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="20" text-anchor="end">of the nominal voltage</text>')
    return "\n".join(parts)
