"""Taps of a feeder's regulators by their controls' own rule: the nearest to the root first, a step at a time, until none is out of its band."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.grid._phase_feeder import MOST_TAPS, PhaseFeeder, PhaseRegulator
from commonwatt.grid._phase_sweep import PhaseFlow, Taps, phase_flow, relay_v

_MOST_MOVES: Final = 500


def controlled_flow(feeder: PhaseFeeder) -> tuple[PhaseFlow, Taps, bool]:
    """The power flow with the taps that the controls find from neutral, those taps, and whether every control rests.

    In every round the first regulator of which a phase is out of its band moves each such phase by one step towards it (so that it
    stops at the edge that it comes from); a round later the feeder is solved again. A control at its last step rests, too.
    """
    taps = {each.end: (0, 0, 0) for each in feeder.regulators}
    flow = phase_flow(feeder, taps)
    for _ in range(_MOST_MOVES):
        if not flow.is_solved:
            break
        for each in _outwards(feeder, flow):
            seen, half, now = relay_v(feeder, flow, each), each.band_v / 2, np.array(taps[each.end])
            step = (seen < each.hold_v - half).astype(int) - (seen > each.hold_v + half)
            moved = np.clip(now + step, -MOST_TAPS, MOST_TAPS)
            if (moved != now).any():
                a, b, c = moved.tolist()
                taps[each.end] = (a, b, c)
                break
        else:
            return flow, taps, True
        flow = phase_flow(feeder, taps)
    return flow, taps, False


def _outwards(feeder: PhaseFeeder, flow: PhaseFlow) -> list[PhaseRegulator]:
    """The regulators, the nearest to the root first."""
    return sorted(feeder.regulators, key=lambda each: flow.nodes.index(each.end))
