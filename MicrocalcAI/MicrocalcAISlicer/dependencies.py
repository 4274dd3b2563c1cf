"""The Python packages that the analysis needs beyond those that come with Slicer."""

import importlib
import importlib.metadata
from pathlib import Path

import slicer

from MicrocalcAILib.errors import MicrocalcError
from MicrocalcAILib.resources import resource_path


class InstallationError(MicrocalcError):
    """Packages were not installed."""


def missingPackages() -> list[str]:
    """Requirements that are not met, as pip writes them."""
    from packaging.requirements import Requirement

    importlib.invalidate_caches()
    missing = []
    for line in _requirementsFile().read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            try:
                installed = importlib.metadata.version(requirement.name)
            except importlib.metadata.PackageNotFoundError:
                installed = None
            if installed is None or not requirement.specifier.contains(installed, prereleases=True):
                missing.append(line)
    return missing


def installPackages() -> None:
    """Ask the user and install what is missing.

    Raises
    ------
    InstallationError
        When the user declines or pip fails.
    """
    missing = missingPackages()
    if not missing:
        return
    try:
        _install(missing)
    except Exception as error:
        raise InstallationError(f"The packages were not installed: {error}") from error
    if missingPackages():
        raise InstallationError("The packages were not installed; press the button again when you are online.")


def _install(missing: list[str]) -> None:
    try:
        from slicer.packaging import load_requirements, pip_ensure
    except ImportError:  # Slicer 5.10
        if slicer.util.confirmOkCancelDisplay(f"MicrocalcAI needs these packages: {', '.join(missing)}. Install them?"):
            slicer.util.pip_install(missing)
    else:
        pip_ensure(load_requirements(_requirementsFile()), requester="MicrocalcAI")


def _requirementsFile() -> Path:
    return resource_path("requirements.txt")
