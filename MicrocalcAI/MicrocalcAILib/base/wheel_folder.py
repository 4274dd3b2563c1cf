"""A folder with all packages that another computer needs: filled where there is a network, installed from where not."""

from __future__ import annotations

import email.parser
import hashlib
import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from .errors import MicrocalcError, ParameterError
from .resources import resource_path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOCK_FILE = "requirements.txt"  # every wheel of the folder with its version and hash
_NAME = "microcalc"
_SYSTEMS = {  # what a marker asks, and the tags of wheels, the newest first
    "windows": ({"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}, ("win_amd64",), "AMD64"),
    "linux": (
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
        ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
        "x86_64",
    ),
    "macos": (
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
        tuple(f"macosx_{version}_0_arm64" for version in (14, 13, 12, 11)),
        "arm64",
    ),
    "macos-intel": (
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
        (*(f"macosx_{version}_0_x86_64" for version in (14, 13, 12, 11)), "macosx_10_15_x86_64", "macosx_10_9_x86_64"),
        "x86_64",
    ),
}
SYSTEMS = tuple(_SYSTEMS)


class WheelError(MicrocalcError):
    """A package could not be fetched."""


@dataclass(frozen=True)
class Target:
    """The computer that the packages are for.

    Parameters
    ----------
    python : str
        One of ``PYTHONS``.
    system : str
        One of ``SYSTEMS``.
    """

    python: str
    system: str

    def __post_init__(self) -> None:
        if self.python not in PYTHONS:
            raise ParameterError(f"Python is one of {', '.join(PYTHONS)}, not “{self.python}”.")
        if self.system not in SYSTEMS:
            raise ParameterError(f"The system is one of {', '.join(SYSTEMS)}, not “{self.system}”.")

    @property
    def environment(self) -> dict[str, str]:
        """What markers of requirements ask there."""
        words, _, machine = _SYSTEMS[self.system]
        return {
            **words,
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "platform_machine": machine,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }

    @property
    def pip_options(self) -> list[str]:
        """How pip is told."""
        tags = [option for tag in _SYSTEMS[self.system][1] for option in ("--platform", tag)]
        abi = f"cp{self.python.replace('.', '')}"
        abis = [option for each in (abi, "abi3", "none") for option in ("--abi", each)]
        return ["--python-version", self.python, "--implementation", "cp", *abis, *tags]

    def wants(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Whether a requirement holds there, for one of the extras or without any."""
        if requirement.marker is None:
            return True
        return any(requirement.marker.evaluate({**self.environment, "extra": extra}) for extra in ("", *extras))


def slicer_requirements() -> list[str]:
    """What the analysis needs beyond the packages that come with Slicer, as pip writes it."""
    lines = resource_path("requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def own_requirements() -> list[str]:
    """What this version needs in a plain Python, without extras; as pip writes it."""
    return _own_metadata()[0]


def extra_requirements(extras: Sequence[str]) -> list[str]:
    """What extras of this version need more.

    Raises
    ------
    ParameterError
        When there is no such extra.
    """
    optional = _own_metadata()[1]
    unknown = [extra for extra in extras if extra not in optional]
    if unknown:
        raise ParameterError(f"There is no extra “{unknown[0]}”; there are {', '.join(sorted(optional))}.")
    found, waiting = [], list(extras)
    while waiting:
        for line in optional[waiting.pop()]:
            requirement = Requirement(line)
            if canonicalize_name(requirement.name) == _NAME:  # an extra that holds others
                waiting += requirement.extras
            else:
                found.append(line)
    return list(dict.fromkeys(found))


def fill(folder: Path, requirements: Sequence[str], target: Target) -> list[Path]:
    """Fetch the wheels of requirements and of all that these need, and write their hashes beside them.

    pip decides by the computer it runs on what a requirement with a condition means (``colorama`` on Windows, for
    example); so the folder is looked through, and what the target needs more is fetched until nothing is missing.

    Parameters
    ----------
    folder : Path
        Made if it is not there; wheels in it are kept.
    requirements : sequence of str
        As pip writes them.
    target : Target

    Returns
    -------
    list of Path
        Every wheel of the folder.

    Raises
    ------
    WheelError
        When a package has no wheel for the target, or the package index is not reached.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(requirements)
    while wanted:
        _download(folder, wanted, target)
        wanted = _missing(folder, requirements, target)
    wheels = sorted(folder.glob("*.whl"))
    lines = []
    for wheel in wheels:
        name, version, *_ = parse_wheel_filename(wheel.name)
        lines.append(f"{name}=={version} --hash=sha256:{_digest(wheel)}")
    (folder / LOCK_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return wheels


def add_own_wheel(folder: Path) -> None:
    """Put the wheel of this version into a folder: built from the source tree it runs from, else fetched.

    Raises
    ------
    WheelError
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = _source_root()
    if root is not None:
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(root))
    else:
        version = importlib.metadata.version(_NAME)
        _pip("download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{_NAME}=={version}")


def _download(folder: Path, requirements: Sequence[str], target: Target) -> None:
    options = ["--only-binary=:all:", *target.pip_options, "--dest", str(folder), "--find-links", str(folder)]
    _pip("download", *options, *requirements)


def _missing(folder: Path, requirements: Sequence[str], target: Target) -> list[str]:
    """Requirements of the wheels in the folder, by the target's conditions, that no wheel of it meets."""
    wheels = {}
    for wheel in folder.glob("*.whl"):
        name, version, *_ = parse_wheel_filename(wheel.name)
        wheels[name] = (version, wheel)
    missing, seen, waiting = [], set(), [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if name not in wheels or not requirement.specifier.contains(wheels[name][0], prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}")
        elif key not in seen:
            seen.add(key)
            needed = [Requirement(line) for line in _requires(wheels[name][1])]
            waiting += [each for each in needed if target.wants(each, requirement.extras)]
    return sorted(set(missing))


def _requires(wheel: Path) -> list[str]:
    """The requirements in a wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1)
        text = archive.read(name).decode("utf-8", errors="replace")
    return email.parser.Parser().parsestr(text, headersonly=True).get_all("Requires-Dist") or []


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if finished.returncode:
        lines = [line for line in finished.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else finished.stderr.strip()[-300:]
        raise WheelError(f"Packages were not fetched; look whether the package index is reached from here: {reason}")


def _own_metadata() -> tuple[list[str], dict[str, list[str]]]:
    """Requirements, and those of each extra: of the source tree, else of the installed package."""
    root = _source_root()
    if root is not None:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return project["dependencies"], project["optional-dependencies"]
    needed: list[str] = []
    optional: dict[str, list[str]] = {}
    metadata = importlib.metadata.metadata(_NAME)
    for extra in metadata.get_all("Provides-Extra") or []:
        optional[extra] = []
    for line in importlib.metadata.requires(_NAME) or []:
        requirement = Requirement(line)
        text = line.partition(";")[0].strip()
        extras = [each for each in optional if requirement.marker and requirement.marker.evaluate({"extra": each})]
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(text)
        else:
            for extra in extras:
                optional[extra].append(text)
    return needed, optional


def _source_root() -> Path | None:
    """The repository that this file lies in; None for an installed package."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "MicrocalcAI").is_dir() else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
