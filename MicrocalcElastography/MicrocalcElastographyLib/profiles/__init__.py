"""Profiles of scanners: corrections that a user confirmed once, for all screens of the same layout."""

from .profile import CORRECTABLE, Profile
from .store import ProfileStore, known_profiles

__all__ = ["CORRECTABLE", "Profile", "ProfileStore", "known_profiles"]
