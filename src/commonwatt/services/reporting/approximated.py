"""How far the lines that a market was told of are from the power flow of what was metered: limits without losses, loss factors at one loading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.units import ENERGY_LIMIT_WH
from commonwatt.services.reporting.words import percent

if TYPE_CHECKING:
    from commonwatt.core.records import Wires
    from commonwatt.core.units import Floats
    from commonwatt.services.reporting.flowed import Flowed


@dataclass(frozen=True)
class Approximated:
    """The market's lines beside a run's power flow; arrays of shape (nodes, slots)."""

    flowed: Flowed
    told: Wires

    @cached_property
    def short_share(self) -> float | None:
        """The most by which a line was fuller by the power flow than by energy over limit, of what it may carry (below 0: never fuller).

        None where the market had no limits, or the feeder's own loads take part of them.
        """
        limit_wh = self._of_nodes(self.told.limit_wh.astype(np.float64))
        known = (limit_wh > 0) & (limit_wh < ENERGY_LIMIT_WH - 1)
        solved = self.flowed.power.is_solved
        if not known.any() or not solved.any() or self.flowed.wires.feeder.loads:
            return None
        by_limits = np.abs(self.flowed.metered_wh[known]) / limit_wh[known, None]
        return float((self.flowed.loading_share[known] - by_limits)[:, solved].max())

    @cached_property
    def loss_loading_share(self) -> float | None:
        """The loading at which loss factors would have been right for what flowed, each Wh counted by what it loses; None where nothing flowed."""
        weight = self._of_nodes(self.told.loss_share)[:, None] * np.abs(self.flowed.metered_wh)
        weight = weight[:, self.flowed.power.is_solved]
        total = float(weight.sum())
        loading = self.flowed.power.loading_share[:, self.flowed.power.is_solved]
        return float((weight * loading).sum()) / total if total > 0 else None

    def sentence(self) -> str:
        """For the report; empty where nothing can be said."""
        parts, at = [], self.flowed.wires.loss_loading_share
        if self.short_share is not None:
            most = (
                f"at most {percent(self.short_share)} of what it may carry fuller"
                if self.short_share > 0
                else "never fuller"
            )
            parts.append(
                f"by the power flow of what was metered a line was {most} than by the lines that the market was told of, which know no losses and no voltages"
            )
        if self.loss_loading_share is not None:
            parts.append(
                f"its loss factors are taken at {percent(at)} of the ratings and would have been right at {percent(self.loss_loading_share)} (`[grid] loss_loading_share`)"
            )
        text = "; ".join(parts)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    def _of_nodes(self, of_rows: Floats) -> Floats:
        tree = self.flowed.tree
        found = np.zeros(len(tree.toward))
        found[tree.node] = of_rows[:-1]
        return found


def approximated(flowed: Flowed | None) -> Approximated | None:
    """None without a feeder, or where the market was told of no lines."""
    return None if flowed is None or flowed.wires.told is None else Approximated(flowed, flowed.wires.told)
