"""From members' positions to power at the buses: what is drawn takes reactive power with it, what is exported gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from commonwatt.core.units import Floats, Ints


def injections(net_wh: Ints, bus: Ints, buses: int, slot_s: int, tangent: float) -> tuple[Floats, Floats]:
    """W and VAr into each bus, shape (buses, columns), at positions of Wh out of each member, shape (members, columns).

    `bus` is one a member, `tangent` the reactive power that members draw per real power that they draw.
    """
    net_w = net_wh * (SECONDS_PER_HOUR / slot_s)
    injected_w = np.zeros((buses, net_wh.shape[1]))
    injected_var = np.zeros_like(injected_w)
    np.add.at(injected_w, bus, net_w)
    np.add.at(injected_var, bus, np.minimum(net_w, 0) * tangent)
    return injected_w, injected_var
