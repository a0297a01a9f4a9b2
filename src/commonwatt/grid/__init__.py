"""Grid: whether the wires can carry what was agreed."""

from commonwatt.grid.base import GRIDS, Grid, GridContext

__all__ = ["GRIDS", "Grid", "GridContext"]
