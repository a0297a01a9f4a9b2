"""A made-up run on a feeder: the week of `run_tables`, its members on buses, and a model that says what flows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from tests.fakes.run_tables import week

from commonwatt.core.members import Fleet
from commonwatt.core.units import Ints
from commonwatt.grid import GRIDS, Feeder, Grid, GridContext, HasFlow, wires_of
from commonwatt.services.reporting.facts import WireFacts
from commonwatt.services.reporting.summary import Results, results


def wire_facts(feeder: Feeder, bus: Ints, slot_s: int = 3600, **parameters: Any) -> WireFacts:
    """As a run on the model `radial` hands them to its report."""
    model = cast("HasFlow", GRIDS.make("radial", **parameters))
    context = GridContext(0, slot_s, Fleet.of(len(bus)), True, feeder, bus)
    told, at = wires_of(cast("Grid", model), context), float(getattr(model, "loss_loading_share", 0.0))
    return WireFacts(feeder, bus, model.rating_share, lambda net_wh: model.flow(net_wh, context), told, at)


def wired(
    feeder: Feeder, bus: Ints | None = None, *, slots: int = 30, homes: int = 4, flats: int = 2, **parameters: Any
) -> Results:
    """Members on the feeder's buses in turn, the root's left out, unless `bus` says otherwise."""
    facts, tables = week(slots=slots, homes=homes, flats=flats)
    if bus is None:
        others = np.arange(len(feeder.buses))[1:] if len(feeder.buses) > 1 else np.zeros(1, np.int64)
        bus = np.resize(others, homes + flats).astype(np.int64)
    return results(replace(facts, wires=wire_facts(feeder, bus, **parameters)), tables)
