"""A market on a feeder place by place in plain Python, order by order, and the gate of what trades so: neither shares code with the mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.benchmarks.feeder import BUSES, Feeder, line_uses_wh
from commonwatt.benchmarks.gates import clearing_findings
from commonwatt.core.findings import Finding

if TYPE_CHECKING:
    from commonwatt.core.records import Agreement

FEE_MICRO_PER_KWH: Final = 500
"""Of every line, so that none is as if it were not there."""

Standing = list[tuple[int, int]]
"""(what one Wh asks, or less what it bids, where it stands; Wh) of one side at one place."""


def charging(feeder: Feeder) -> Feeder:
    """The same with a fee on every line."""
    fee = np.where(feeder.lines.toward >= 0, FEE_MICRO_PER_KWH, 0)
    return Feeder(feeder.book, feeder.bus, feeder.lines.replaced(fee_micro_per_kwh=fee))


def place_by_place(feeder: Feeder) -> tuple[int, int]:
    """Volume (Wh) and welfare less fees (nano): the farthest places first, best limits first, what is left climbs as far as the line carries it."""
    book, toward = feeder.book, feeder.lines.toward.tolist()
    limit_wh, fee = feeder.lines.limit_wh.tolist(), feeder.lines.fee_micro_per_kwh.tolist()
    here: list[tuple[Standing, Standing]] = [([], []) for _ in toward]
    columns = (feeder.bus.tolist(), book.is_sell.tolist(), book.limit_micro_per_kwh.tolist(), book.energy_wh.tolist())
    for bus, is_sell, limit, energy_wh in zip(*columns, strict=True):
        here[bus][not is_sell].append((limit if is_sell else -limit, energy_wh))
    volume_wh = welfare_nano = 0
    for bus in sorted(range(len(toward)), key=lambda bus: -len(feeder.way(bus))):
        sells, buys = (sorted(side) for side in here[bus])
        both_wh, gained = _met(sells, buys)
        volume_wh, welfare_nano = volume_wh + both_wh, welfare_nano + gained
        if toward[bus] >= 0:
            for above, side in zip(here[toward[bus]], (sells, buys), strict=True):
                above += _climbing(side, limit_wh[bus], fee[bus])
    return volume_wh, welfare_nano


def _met(sells: Standing, buys: Standing) -> tuple[int, int]:
    """Take the best of both sides while they agree; leaves both as they stand then, the best first."""
    sells.reverse()
    buys.reverse()
    volume_wh = welfare_nano = 0
    while sells and buys and sells[-1][0] <= -buys[-1][0]:
        (ask, sold_wh), (bid, bought_wh) = sells.pop(), buys.pop()
        both_wh = min(sold_wh, bought_wh)
        volume_wh, welfare_nano = volume_wh + both_wh, welfare_nano - both_wh * (ask + bid)
        if sold_wh > both_wh:
            sells.append((ask, sold_wh - both_wh))
        if bought_wh > both_wh:
            buys.append((bid, bought_wh - both_wh))
    sells.reverse()
    buys.reverse()
    return volume_wh, welfare_nano


def _climbing(side: Standing, most_wh: int, fee: int) -> Standing:
    carried = []
    for cost, energy_wh in side:
        if not most_wh:
            break
        carried.append((cost + fee, min(energy_wh, most_wh)))
        most_wh -= carried[-1][1]
    return carried


def zone_findings(feeder: Feeder, agreement: Agreement) -> list[Finding]:
    """What is wrong: promises, fees of ways, limits with them, lines beyond what they carry, another volume or welfare than order by order."""
    trades, limit = agreement.trades, feeder.book.limit_micro_per_kwh.tolist()
    ways, bus, fee = (
        [feeder.way(at) for at in range(BUSES)],
        feeder.bus.tolist(),
        feeder.lines.fee_micro_per_kwh.tolist(),
    )
    found = clearing_findings("", frozenset({"efficiency"}), feeder.book, agreement)
    welfare_nano = 0
    for row, (sell, buy, energy_wh, sold_at, bought_at, *paid) in enumerate(
        zip(*(getattr(trades, name).tolist() for name in _TRADED), strict=True)
    ):
        away, home = ways[bus[sell]], ways[bus[buy]]
        due = [sum(fee[line] for line in part) for part in (away - home, home - away)]
        if due != paid:
            found.append(Finding(f"trade {row} fees", str(due), str(paid)))
        if sold_at - paid[0] < limit[sell] or bought_at + paid[1] > limit[buy]:
            found.append(
                Finding(f"trade {row}", "limits kept with its fees", f"{sold_at} and {bought_at} less and plus {paid}")
            )
        welfare_nano += energy_wh * (limit[buy] - limit[sell] - sum(due))
    for line, (most_wh, *used_wh) in enumerate(
        zip(feeder.lines.limit_wh.tolist(), *line_uses_wh(feeder, agreement), strict=True)
    ):
        if max(used_wh) > most_wh:
            found.append(Finding(f"line {line}", f"at most {most_wh} Wh either way", str(used_wh)))
    expected, reached = place_by_place(feeder), (int(trades.energy_wh.sum()), welfare_nano)
    if expected != reached:
        found.append(Finding("volume_wh and welfare_nano", str(expected), str(reached)))
    return found


_TRADED: Final = (
    "sell_order",
    "buy_order",
    "energy_wh",
    "sell_price_micro_per_kwh",
    "buy_price_micro_per_kwh",
    "sell_fee_micro_per_kwh",
    "buy_fee_micro_per_kwh",
)
