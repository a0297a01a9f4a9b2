"""Feeds: where metered data come from."""

from commonwatt.adapters.feeds.profiles import ProfileFeed, ProfileFiles, checked_profiles, read_profiles

__all__ = ["ProfileFeed", "ProfileFiles", "checked_profiles", "read_profiles"]
