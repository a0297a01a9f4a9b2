"""Assets: what load, PV and storage intend (plan) and do (dispatch), with all state in a record."""

from commonwatt.assets.base import ALWAYS, ASSETS, Asset, AssetContext, Flows, curtailed

__all__ = ["ALWAYS", "ASSETS", "Asset", "AssetContext", "Flows", "curtailed"]
