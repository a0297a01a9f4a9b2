"""What a finished run did to its feeder, counted anew from its tables: limits passed by what was agreed, by what is left of it, by meters and by loads alone."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from commonwatt.core.units import Flags, Ints
from commonwatt.grid import Feeder, power_flow
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.efficiency import clearing_welfare_nano

POWER_FACTOR = 0.95
"""The default of `radial`: of what members draw."""
NEAR = 1e-6


@dataclass(frozen=True)
class Limited:
    """Which limits positions pass on a feeder: places, then slots."""

    places: tuple[str, ...]
    is_passed: Flags
    """Shape (places, slots): buses whose voltage is out of its band, then lines and the transformer above their rating."""

    @property
    def slots(self) -> Flags:
        """In which slots any is."""
        passed: Flags = np.any(self.is_passed, axis=0)
        return passed

    def most(self) -> str:
        """The place that is beyond most often, the first of several alike; empty where none is."""
        counted = Counter(dict(zip(self.places, self.is_passed.sum(axis=1).tolist(), strict=True)))
        (name, times), *_ = counted.most_common(1)
        return name if times else ""


def limited(feeder: Feeder, bus: Ints, net_wh: Ints, rating_share: float = 1.0) -> Limited:
    """The limits that are passed when members send out `net_wh` in an hour, shape (members, slots); a slot without a power flow passes all of them."""
    net_w = net_wh.astype(np.float64)
    real, reactive = (np.zeros((len(feeder.buses), net_wh.shape[1])) for _ in range(2))
    np.add.at(real, bus, net_w)
    np.add.at(reactive, bus, np.minimum(net_w, 0) * math.tan(math.acos(POWER_FACTOR)))
    flow = power_flow(feeder, real, reactive)
    voltage = flow.voltage_share[1:]
    out = (voltage > feeder.voltage_high_share + NEAR) | (voltage < feeder.voltage_low_share - NEAR)
    # The bus that is furthest out comes first among those that are out as often.
    order = np.argsort(-np.abs(voltage - 1).max(axis=1), kind="stable")
    full = flow.loading_share[1:] / rating_share > 1 + NEAR
    tree = feeder.tree
    names = [tree.bus_names[node + 1] for node in order.tolist()] + list(tree.names[1:])
    return Limited(tuple(names), np.concatenate([out[order], full]) | ~flow.is_solved)


def agreed_wh(books: Books) -> tuple[Ints, Ints]:
    """Sold less bought in trades, Wh, shape (members, slots): as the market agreed it, and what the grid's cuts left of it."""
    cut = books.tables["curtailments"]
    left = _net(books, books.cell_rows("trades", "seller"), books.cell_rows("trades", "buyer"), books.agreed_wh)
    orders = books.tables["orders"].column("order_id").to_pylist()
    cell_of = dict(zip(orders, books.cell_rows("orders").tolist(), strict=True))
    sell, buy = (
        np.array([cell_of.get(order, -1) for order in cut.column(f"{side}_order").to_pylist()], np.int64)
        for side in ("sell", "buy")
    )
    return left + _net(books, sell, buy, numbers(cut, "energy_wh")), left


def _net(books: Books, sellers: Ints, buyers: Ints, energy_wh: Ints) -> Ints:
    return by_member(books, books.per_cell(sellers, energy_wh) - books.per_cell(buyers, energy_wh))


def by_member(books: Books, cells: Ints) -> Ints:
    """An array over cells in the shape (members, slots)."""
    shaped: Ints = cells.reshape(books.slots, books.members).T
    return shaped


def bus_rows(books: Books, feeder: Feeder) -> Ints:
    """Where members are connected: the row of their bus, shape (members,)."""
    row = {bus.id: number for number, bus in enumerate(feeder.buses)}
    return np.array([row[name] for name in books.tables["members"].column("bus").to_pylist()], np.int64)


def counted(books: Books, feeder: Feeder) -> dict[str, int | str]:
    """Slots beyond a limit by whose energy, the place that is beyond most often as agreed and as metered, and the welfare of what was agreed."""
    bus = bus_rows(books, feeder)
    flows = books.per_cell(books.cell_rows("flows"), numbers(books.tables["flows"], "load_wh"))
    meters = by_member(books, books.meters.export_wh - books.meters.import_wh)
    before_wh, after_wh = agreed_wh(books)
    before, after = limited(feeder, bus, before_wh), limited(feeder, bus, after_wh)
    metered = limited(feeder, bus, meters)
    alone = limited(feeder, bus, by_member(books, -flows))
    return {
        "agreed_slots": int(before.slots.sum()),
        "left_slots": int(after.slots.sum()),
        "metered_slots": int(metered.slots.sum()),
        "loads_alone_slots": int(alone.slots.sum()),
        "agreed_most": before.most(),
        "metered_most": metered.most(),
        "welfare_nano": int(clearing_welfare_nano(books)[0].sum()),
    }
