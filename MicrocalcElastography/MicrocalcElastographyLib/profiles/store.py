"""Where profiles are kept: those that come with the library, and the user's own in a folder."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.files import replaced_on_success

from ..resources import resource_path
from .profile import Profile

_SUFFIX = ".json"


class ProfileStore:
    """The user's profiles, one JSON file each.

    Parameters
    ----------
    folder : Path or None
        ``MICROCALC_PROFILES``, or ``.microcalc/profiles`` in the home folder, when None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get("MICROCALC_PROFILES") or Path.home() / ".microcalc" / "profiles")

    def profiles(self) -> dict[str, Profile]:
        """By name.

        Raises
        ------
        ParameterError
            When a file there is no profile.
        """
        found = {}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            try:
                profile = Profile.from_json(path.read_text("utf-8"))
            except (ParameterError, OSError, UnicodeDecodeError) as error:
                raise ParameterError(
                    f"“{path.name}” in the folder of profiles is no profile of this version; remove it and save the "
                    "profile again."
                ) from error
            found[profile.name] = profile
        return found

    def save(self, profile: Profile) -> Path:
        """Write a profile; one of the same name is replaced."""
        if profile.name in _bundled():
            raise ParameterError(f"“{profile.name}” is the name of a profile that comes along; choose another.")
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(profile.name)
        with replaced_on_success(path) as temporary:
            temporary.write_text(profile.as_json(), "utf-8")
        return path

    def remove(self, name: str) -> None:
        """Delete a profile.

        Raises
        ------
        ParameterError
            When the user has none of this name.
        """
        path = self._path(name)
        if not path.is_file():
            own = ", ".join(self.profiles()) or "none"
            raise ParameterError(f"There is no profile “{name}” of your own; there are: {own}.")
        path.unlink()

    def _path(self, name: str) -> Path:
        # Names are free text in any script; files are named by digest, so that no name can leave the folder.
        return self.folder / f"{sha256(name.encode()).hexdigest()[:16]}{_SUFFIX}"


def known_profiles(store: ProfileStore | None = None) -> tuple[Profile, ...]:
    """The user's profiles, then those that come with the library."""
    return (*(store or ProfileStore()).profiles().values(), *_bundled().values())


def _bundled() -> dict[str, Profile]:
    files = sorted(resource_path("Profiles").glob(f"*{_SUFFIX}"))
    profiles = [Profile.from_json(path.read_text("utf-8")) for path in files]
    return {profile.name: profile for profile in profiles}
