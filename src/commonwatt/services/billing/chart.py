"""The picture of a bill: energy in and out of the home by day or slot, as SVG that needs no script."""

from commonwatt.services.billing.bill import Bill
from commonwatt.services.billing.terms import Terms
from commonwatt.services.reporting.words import MONTHS

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 260, 48, 34, 18
MOST_SLOTS = 100
"""Up to so many slots each has a bar of its own; beyond, each day."""

MOST_DATES = 7
"""So many dates stand beside each other on a small screen, too."""

IN = ("peer_buy", "supplier_buy")
OUT = ("peer_sell", "supplier_sell")
KINDS = {
    "peer_buy": "from neighbours",
    "supplier_buy": "from the supplier",
    "peer_sell": "to neighbours",
    "supplier_sell": "to the supplier",
}


def chart(bill: Bill, terms: Terms) -> tuple[str, str]:
    """What a bar stands for, and the picture."""
    slots = bill.end_slot - bill.first_slot
    per = ("hour" if terms.slot_s == 3600 else "slot") if slots <= MOST_SLOTS else "day"
    bars: dict[str, dict[str, int]] = {}
    for entry in bill.billed:
        if entry.revision:
            continue
        start = terms.start(entry.slot)
        bar = bars.setdefault(start.date().isoformat() if per == "day" else start.isoformat(), dict.fromkeys(KINDS, 0))
        for line in entry.lines:
            if line.leg in bar:
                bar[line.leg] += line.energy_wh
    return per, _drawn(bars, per)


def _drawn(bars: dict[str, dict[str, int]], per: str) -> str:
    up = max((sum(bar[kind] for kind in IN) for bar in bars.values()), default=0)
    down = max((sum(bar[kind] for kind in OUT) for bar in bars.values()), default=0)
    scale = (HEIGHT - TOP - BOTTOM) / max(up + down, 1)
    zero, step = TOP + up * scale, (WIDTH - LEFT - 6) / max(len(bars), 1)
    parts = [_marks(up, down, scale, zero)]
    last = ""
    for at, (name, bar) in enumerate(bars.items()):
        x, width = LEFT + at * step + step * 0.1, step * 0.8
        above = below = zero
        for kind in IN:
            above -= bar[kind] * scale
            parts.append(_bar(kind, x, above, width, bar[kind] * scale))
        for kind in OUT:
            parts.append(_bar(kind, x, below, width, bar[kind] * scale))
            below += bar[kind] * scale
        date = name[:10]
        if date != last and (per != "day" or at % -(-len(bars) // MOST_DATES) == 0):
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 10}">{int(date[8:])} {MONTHS[int(date[5:7]) - 1][:3]}</text>')
        last = date
    keys = "".join(f'<li><svg class="key" viewBox="0 0 14 14" aria-hidden="true"><rect class="{kind}" width="14" height="14"/></svg>{text}</li>' for kind, text in KINDS.items())  # fmt: skip
    label = "Energy in and out; the same figures are in the lines below"
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{_PATTERNS}{"".join(parts)}'
        f'</svg><figcaption><ul class="keys">{keys}</ul></figcaption></figure>\n'
    )


_PATTERNS = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" class="hatch-ground"/><rect width="2.4" height="6" class="hatch-line"/></pattern></defs>'
)


def _bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        if height > 0
        else ""
    )


def _marks(up: int, down: int, scale: float, zero: float) -> str:
    step = _round(max(up, down, 1))
    parts = []
    for energy_wh in range(-(down // step) * step, up + 1, step):
        y = zero - energy_wh * scale
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{abs(energy_wh) / 1000:g}</text>')
    parts.append(f'<text x="0" y="{HEIGHT - 10}">kWh</text>')
    parts.append(f'<line class="zero" x1="{LEFT}" x2="{WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>')
    return "".join(parts)


def _round(most_wh: int) -> int:
    """A round step of the scale that gives three to five of them."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 5 >= most_wh:
                return step * factor
        step *= 10
