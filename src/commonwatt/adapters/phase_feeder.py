"""The feeders with three phases that ship with the package; nobody's input, so that a fault in one is a fault of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from commonwatt.core.foreign import parsed_toml
from commonwatt.grid import (
    Configuration,
    PhaseBus,
    PhaseCapacitor,
    PhaseFeeder,
    PhaseLine,
    PhaseLoad,
    PhaseRegulator,
    PhaseTransformer,
)

_BUNDLED: Final = Path(__file__).resolve().parent / "datasets" / "feeders" / "phases"
_LISTS: Final[dict[str, tuple[Any, str]]] = {
    "configuration": (Configuration, "configurations"),
    "bus": (PhaseBus, "buses"),
    "line": (PhaseLine, "lines"),
    "load": (PhaseLoad, "loads"),
    "capacitor": (PhaseCapacitor, "capacitors"),
    "regulator": (PhaseRegulator, "regulators"),
    "transformer": (PhaseTransformer, "transformers"),
}


def bundled_phase_feeders() -> list[str]:
    """Names of the feeders with three phases, sorted."""
    return sorted(path.stem for path in _BUNDLED.glob("*.toml"))


def bundled_phase_feeder(name: str) -> PhaseFeeder:
    """One of them, by its name."""
    table: dict[str, Any] = parsed_toml((_BUNDLED / f"{name}.toml").read_text(encoding="utf-8"))
    for key, (kind, field) in _LISTS.items():
        table[field] = tuple(_made(kind, row) for row in table.pop(key, []))
    return PhaseFeeder(**table)


def _made(kind: Any, row: dict[str, Any]) -> Any:
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
