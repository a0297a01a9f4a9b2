"""Power flow by power-grid-model (extra `grid`): Newton's method on the matrix of admittances; any feeder, a loop or not; no code shared with the sweep."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.grid._equipment import InnerTransformer, Regulator
from commonwatt.grid._feeder import outwards, ways_of

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats, Ints
    from commonwatt.grid._feeder import Feeder

SOURCE: Final = 0
"""Number of the place ahead of the transformer; bus i of the feeder has i + 1."""
STIFF_VA: Final = 1e18
"""Short-circuit power of the source: its own impedance would otherwise be one more branch."""
LEAST_SHARE: Final = 3e-7j
"""Impedance of a regulator, which has none, but the matrix needs something: of base voltage squared by 1 MVA, that program's base."""
COLLAPSED: Final = 0.3
"""As the sweep has it: a voltage below this part of the nominal one is no state that a feeder is run in."""
ERROR: Final = 1e-8
"""Change of a voltage at which the iteration ends, of the nominal one."""


@dataclass(frozen=True)
class MatrixFlow:
    """What flows in some slots; columns are slots. Where a slot has no solution its figures are 0 and `is_solved` is false."""

    is_solved: Flags
    """Shape (slots,)."""
    voltage_share: Floats
    """Of every bus in the feeder's order, of the nominal voltage, shape (buses, slots)."""
    loading_share: Floats
    """Current of the transformer, then of the feeder's branches in their order, of what they carry, shape (1 + branches, slots)."""
    losses_w: Floats
    """In all branches together and in the transformers' cores, what the feeder's own loads lose included, shape (slots,)."""


def is_installed() -> bool:
    """Whether power-grid-model can be imported."""
    return importlib.util.find_spec("power_grid_model") is not None


def matrix_flow(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> MatrixFlow:
    """Solve every slot; arrays of shape (buses, slots) in the order of the feeder's buses, positive: into the feeder.

    Raises:
        ModuleNotFoundError: the extra `grid` is not installed.

    """
    from power_grid_model import CalculationMethod, ComponentType, PowerGridModel

    own = feeder.transformer
    model = PowerGridModel(network(feeder), system_frequency=50.0)
    answer = model.calculate_power_flow(
        symmetric=True,
        error_tolerance=ERROR,
        max_iterations=60,
        calculation_method=CalculationMethod.newton_raphson,
        update_data={ComponentType.sym_load: _loads(feeder, injected_w, injected_var)},
        threading=-1,
        output_component_types={ComponentType.node, ComponentType.generic_branch},
        continue_on_batch_error=True,
    )
    nodes, branches = answer[ComponentType.node], answer[ComponentType.generic_branch]
    solved = np.ones(injected_w.shape[1], np.bool_)
    if model.batch_error is not None:
        solved[model.batch_error.failed_scenarios] = False
    rating_a = [own.rating_va / (math.sqrt(3) * feeder.base_v), *(branch.rating_a for branch in feeder.branches)]
    voltage, loading = nodes["u_pu"].T, branches["i_to"].T / np.array(rating_a)[:, None]
    # Both ends count what flows in: what does not come out is lost.
    lost = branches["p_from"].sum(axis=1) + branches["p_to"].sum(axis=1) + feeder.no_load_loss_w
    with np.errstate(invalid="ignore"):
        solved &= np.isfinite(voltage).all(axis=0) & (voltage > COLLAPSED).all(axis=0)
    return MatrixFlow(
        solved, np.where(solved, voltage[1:], 0.0), np.where(solved, loading, 0.0), np.where(solved, lost, 0.0)
    )


def network(feeder: Feeder) -> dict[Any, Any]:
    """A feeder as the arrays that power-grid-model reads; ids: places, then branches, then a load a bus, then the source.

    Every branch is an impedance, as seen from behind it, and a ratio; no-load losses are added afterwards. A loop may go over lines only.
    """
    from power_grid_model import ComponentType, DatasetType, LoadGenType, initialize_array

    buses, own, ahead = len(feeder.buses), feeder.transformer, feeder.places
    node = initialize_array(DatasetType.input, ComponentType.node, buses + 1)
    node["id"], node["u_rated"] = np.arange(buses + 1), [feeder.base_v, *_base_v(feeder)]
    share = own.load_loss_w / own.rating_va
    first_ohm = complex(share, math.sqrt(own.short_circuit_share**2 - share**2)) * feeder.base_v**2 / own.rating_va
    least_ohm = LEAST_SHARE * feeder.base_v**2 / 1e6
    ohm = np.array([first_ohm, *(least_ohm if isinstance(b, Regulator) else b.ohm for b in feeder.branches)])
    branch = initialize_array(DatasetType.input, ComponentType.generic_branch, len(ohm))
    branch["id"] = buses + 1 + np.arange(len(ohm))
    branch["from_node"] = [SOURCE, *(ahead[each.begin] + 1 for each in feeder.branches)]
    branch["to_node"] = [ahead[feeder.root] + 1, *(ahead[each.end] + 1 for each in feeder.branches)]
    branch["from_status"], branch["to_status"] = 1, 1
    branch["r1"], branch["x1"], branch["g1"], branch["b1"], branch["theta"] = ohm.real, ohm.imag, 0.0, 0.0, 0.0
    branch["k"] = [1.0, *(1 / b.ratio if isinstance(b, Regulator) else 1.0 for b in feeder.branches)]
    load = initialize_array(DatasetType.input, ComponentType.sym_load, buses)
    load["id"], load["node"], load["status"] = _load_ids(feeder), 1 + np.arange(buses), 1
    load["type"], load["p_specified"], load["q_specified"] = LoadGenType.const_power, 0.0, 0.0
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = 2 * buses + len(ohm) + 1, SOURCE, 1
    source["u_ref"], source["sk"] = feeder.source_share, STIFF_VA
    return {
        ComponentType.node: node,
        ComponentType.generic_branch: branch,
        ComponentType.sym_load: load,
        ComponentType.source: source,
    }


def _base_v(feeder: Feeder) -> list[float]:
    """The nominal voltage at every bus: a transformer on the way changes it, lines and regulators pass it on."""
    base_v, ways = {feeder.root: feeder.base_v}, ways_of(feeder)
    for here in outwards(feeder.root, ways):
        for branch in ways[here]:
            there = branch.end if branch.begin == here else branch.begin
            base_v.setdefault(there, branch.base_v if isinstance(branch, InnerTransformer) else base_v[here])
    return [base_v[bus.id] for bus in feeder.buses]


def _loads(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> Any:
    """What every bus draws in every slot, the feeder's own loads included, as power-grid-model takes a batch."""
    from power_grid_model import ComponentType, DatasetType, initialize_array

    update = initialize_array(DatasetType.update, ComponentType.sym_load, injected_w.T.shape)
    update["id"] = _load_ids(feeder)
    update["p_specified"] = -(injected_w.T + feeder.own_va.real)
    update["q_specified"] = -(injected_var.T + feeder.own_va.imag)
    return update


def _load_ids(feeder: Feeder) -> Ints:
    return np.arange(len(feeder.buses)) + len(feeder.buses) + len(feeder.branches) + 2
