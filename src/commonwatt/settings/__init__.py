"""Settings: the one place that reads a community file and the environment."""

from commonwatt.settings.checking import OpenCommunity, community_findings, open_community
from commonwatt.settings.layers import preset_names
from commonwatt.settings.loading import FILE_NAME, MEMBERS_NAME, load
from commonwatt.settings.model import Settings
from commonwatt.settings.rooms import Choice

__all__ = [
    "FILE_NAME",
    "MEMBERS_NAME",
    "Choice",
    "OpenCommunity",
    "Settings",
    "community_findings",
    "load",
    "open_community",
    "preset_names",
]
