"""Power flow by power-grid-model (extra `grid`): Newton's method on the matrix of admittances; any feeder, a loop or not; no code shared with the sweep."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Floats, Ints, whole_wh

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder

SOURCE: Final = 0
"""Number of the place ahead of the transformer; bus i of the feeder has i + 1."""
STIFF_VA: Final = 1e18
"""Short-circuit power of the source: its own impedance would otherwise be one more branch."""
COLLAPSED: Final = 0.3
"""As the sweep has it: a voltage below this part of the nominal one is no state that a feeder is run in."""
ERROR: Final = 1e-10
"""Change of a voltage at which the iteration ends, of the nominal one."""


@dataclass(frozen=True)
class MatrixFlow:
    """What flows in some slots; columns are slots. Where a slot has no solution its figures are 0 and `is_solved` is false."""

    is_solved: Flags
    """Shape (slots,)."""
    voltage_share: Floats
    """Of every bus in the feeder's order, of the nominal voltage, shape (buses, slots)."""
    loading_share: Floats
    """Current of the transformer, then of the lines in the feeder's order, of what they carry, shape (1 + lines, slots)."""
    losses_w: Floats
    """In all branches together and in the transformer's core, shape (slots,)."""

    def losses_wh(self, slot_s: int) -> Ints:
        """Losses of each slot in whole Wh, rounded to the nearest, halves up."""
        return whole_wh(self.losses_w * (slot_s / SECONDS_PER_HOUR))


def is_installed() -> bool:
    """Whether power-grid-model can be imported."""
    return importlib.util.find_spec("power_grid_model") is not None


def matrix_flow(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> MatrixFlow:
    """Solve every slot; arrays of shape (buses, slots) in the order of the feeder's buses, positive: into the feeder.

    Raises:
        ModuleNotFoundError: the extra `grid` is not installed.

    """
    from power_grid_model import CalculationMethod, ComponentType, PowerGridModel

    model = PowerGridModel(network(feeder), system_frequency=50.0)
    answer = model.calculate_power_flow(
        symmetric=True,
        error_tolerance=ERROR,
        max_iterations=60,
        calculation_method=CalculationMethod.newton_raphson,
        update_data={ComponentType.sym_load: _loads(feeder, injected_w, injected_var)},
        threading=-1,
        output_component_types={ComponentType.node, ComponentType.line},
        continue_on_batch_error=True,
    )
    nodes, lines = answer[ComponentType.node], answer[ComponentType.line]
    solved = np.ones(injected_w.shape[1], np.bool_)
    if model.batch_error is not None:
        solved[model.batch_error.failed_scenarios] = False
    voltage, loading = nodes["u_pu"].T, lines["loading"].T
    # Both ends count what flows in: what does not come out is lost.
    lost = lines["p_from"].sum(axis=1) + lines["p_to"].sum(axis=1) + feeder.transformer.no_load_loss_w
    with np.errstate(invalid="ignore"):
        solved &= np.isfinite(voltage).all(axis=0) & (voltage > COLLAPSED).all(axis=0)
    return MatrixFlow(
        solved, np.where(solved, voltage[1:], 0.0), np.where(solved, loading, 0.0), np.where(solved, lost, 0.0)
    )


def network(feeder: Feeder) -> dict[Any, Any]:
    """A feeder as the arrays that power-grid-model reads; ids: places, then branches, then a load a bus, then the source.

    The transformer is a branch of its impedance at the voltage behind it, as in the sweep; its no-load loss is added afterwards.
    """
    from power_grid_model import ComponentType, DatasetType, LoadGenType, initialize_array

    buses, lines, own = len(feeder.buses), len(feeder.lines), feeder.transformer
    node = initialize_array(DatasetType.input, ComponentType.node, buses + 1)
    node["id"], node["u_rated"] = np.arange(buses + 1), feeder.base_v
    base_ohm = feeder.base_v**2 / own.rating_va
    r_share = own.load_loss_w / own.rating_va
    x_share = (own.short_circuit_share**2 - r_share**2) ** 0.5
    km = [line.length_m / 1000 for line in feeder.lines]
    branch = initialize_array(DatasetType.input, ComponentType.line, lines + 1)
    branch["id"] = buses + 1 + np.arange(lines + 1)
    branch["from_node"] = [SOURCE, *(feeder.places[line.begin] + 1 for line in feeder.lines)]
    branch["to_node"] = [feeder.places[feeder.root] + 1, *(feeder.places[line.end] + 1 for line in feeder.lines)]
    branch["from_status"], branch["to_status"] = 1, 1
    branch["r1"] = [r_share * base_ohm, *(x.r_ohm_per_km * k for x, k in zip(feeder.lines, km, strict=True))]
    branch["x1"] = [x_share * base_ohm, *(x.x_ohm_per_km * k for x, k in zip(feeder.lines, km, strict=True))]
    branch["c1"], branch["tan1"] = 0.0, 0.0
    branch["i_n"] = [own.rating_va / (3**0.5 * feeder.base_v), *(line.rating_a for line in feeder.lines)]
    load = initialize_array(DatasetType.input, ComponentType.sym_load, buses)
    load["id"], load["node"], load["status"] = _load_ids(feeder), 1 + np.arange(buses), 1
    load["type"], load["p_specified"], load["q_specified"] = LoadGenType.const_power, 0.0, 0.0
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = 2 * buses + lines + 2, SOURCE, 1
    source["u_ref"], source["sk"] = feeder.source_share, STIFF_VA
    return {
        ComponentType.node: node,
        ComponentType.line: branch,
        ComponentType.sym_load: load,
        ComponentType.source: source,
    }


def _loads(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> Any:
    """What every bus draws in every slot, as power-grid-model takes a batch."""
    from power_grid_model import ComponentType, DatasetType, initialize_array

    update = initialize_array(DatasetType.update, ComponentType.sym_load, injected_w.T.shape)
    update["id"] = _load_ids(feeder)
    update["p_specified"], update["q_specified"] = -injected_w.T, -injected_var.T
    return update


def _load_ids(feeder: Feeder) -> Ints:
    return np.arange(len(feeder.buses)) + len(feeder.buses) + len(feeder.lines) + 2
