"""Assets: what load, PV and storage intend (plan) and do (dispatch), with all state in a record."""

from commonwatt.assets.base import ASSETS, Asset, Flows

__all__ = ["ASSETS", "Asset", "Flows"]
