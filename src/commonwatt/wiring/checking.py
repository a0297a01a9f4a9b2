"""Checking: settings, members and data of a community together, every fault at once."""

from dataclasses import dataclass

from commonwatt.adapters.feeds import ProfileFeed
from commonwatt.settings import Settings


@dataclass(frozen=True)
class Checked:
    """A community without faults."""

    settings: Settings
    feed: ProfileFeed
