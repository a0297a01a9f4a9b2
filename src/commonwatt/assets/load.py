"""Load: what a household uses, as it comes."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.assets.base import AssetContext, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState


@dataclass(frozen=True)
class Load:
    """Inflexible demand: planned as forecast, used as metered."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:  # noqa: ARG002
        """The forecast load, and nothing changed."""
        return flows, state

    def dispatch(
        self,
        fleet: Fleet,  # noqa: ARG002
        state: AssetState,
        flows: Flows,
        context: AssetContext,  # noqa: ARG002
    ) -> tuple[Flows, AssetState]:
        """The metered load, and nothing changed."""
        return flows, state
