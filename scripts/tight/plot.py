"""Bars of every design of the tight month, as SVG that needs no script and is read in the light and in the dark."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.tight.told import Told, chosen, kwh, percent

WIDTH, NAMES, PANEL, GAP, TOP, ROW, BAR = 900, 200, 200, 33, 48, 40, 13
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #333 }
.head { font-weight: 600 }
.first { fill: #d55e00 } .second { fill: #0072b2 }
line { stroke: #8888 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .first { fill: #ff9d4d } .second { fill: #56b4e9 } }
</style>"""


def bars(runs: Sequence[Told]) -> str:
    """A row a design: hours beyond limits (what stands agreed, and meters), worth of trades lost, energy of panels held back."""
    here = chosen(runs)
    hours = [(float(run.whole("left_slots")), float(run.whole("metered_slots"))) for run in here]
    lost = [max(run.lost_share, 0.0) for run in here]
    held = [run.whole("curtailed_pv_wh") for run in here]
    parts = [_text(_left(0), 16, "hours beyond a limit", "head"), _text(_left(1), 16, "worth of trades lost", "head")]
    parts += [_text(_left(2), 16, "panels held back, kWh", "head")]
    parts += [
        f'<rect class="first" x="{_left(0)}" y="25" width="9" height="9"/>',
        _text(_left(0) + 13, 34, "agreed, after cuts"),
    ]
    parts += [f'<rect class="second" x="{_left(0) + 126}" y="25" width="9" height="9"/>', _text(_left(0) + 139, 34, "metered")]  # fmt: skip
    for at, run in enumerate(here):
        y = TOP + at * ROW
        parts.append(_text(NAMES - 8, y + 17, run.design.replace("`", ""), "end"))
        scale = max(max(pair) for pair in hours)
        for side, (value, kind) in enumerate(zip(hours[at], ("first", "second"), strict=True)):
            parts.append(_bar(0, y + side * (BAR + 1), value / scale if scale else 0, f"{value:.0f}", kind))
        parts.append(_bar(1, y + 6, lost[at] / max(lost) if max(lost) else 0, percent(lost[at]), "first"))
        parts.append(_bar(2, y + 6, held[at] / max(held) if max(held) else 0, kwh(held[at]), "first"))
    height = TOP + len(here) * ROW
    parts += [f'<line x1="{_left(at)}" x2="{_left(at)}" y1="{TOP - 6}" y2="{height - 4}"/>' for at in range(3)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Bars of every design: hours beyond limits, worth of trades lost, energy held back">\n{STYLE}\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _left(panel: int) -> int:
    return NAMES + panel * (PANEL + GAP)


def _bar(panel: int, y: float, share: float, label: str, kind: str) -> str:
    # Room is left for the label of the longest bar.
    width, x = share * (PANEL - 62), _left(panel)
    return f'<rect class="{kind}" x="{x}" y="{y:g}" width="{width:.1f}" height="{BAR}"/>' + _text(
        x + width + 5, y + 11, label
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    anchor = ' text-anchor="end"' if kind == "end" else ""
    style = f' class="{kind}"' if kind not in ("", "end") else ""
    return f'<text{style} x="{x:g}" y="{y:g}"{anchor}>{words}</text>'
