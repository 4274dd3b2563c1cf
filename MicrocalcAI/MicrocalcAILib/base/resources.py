"""Where the files that come with the libraries lie (models, sample images, tables)."""

from __future__ import annotations

from pathlib import Path

from .errors import ModelError


def resource_path(name: str) -> Path:
    """Path of a file or folder bundled with MicrocalcAI, e.g. ``Models/SpeckSelector``.

    Raises
    ------
    ModelError
        When the file is not part of this installation.
    """
    return bundled_path(Path(__file__).resolve().parents[1], "MicrocalcAI", name)


def is_bundled(path: Path) -> bool:
    """Whether a file or folder belongs to this installation of MicrocalcAI."""
    library = Path(__file__).resolve().parents[1]
    folders = (library.parent / "Resources" / "MicrocalcAI", library / "resources")
    return any(Path(path).resolve().is_relative_to(folder) for folder in folders)


def bundled_path(library: Path, module: str, name: str) -> Path:
    """Path of a file or folder bundled with the library of a module.

    In the source tree and in an installed Slicer extension the resources lie beside the library; ``pip install`` puts
    the same files into the package.

    Raises
    ------
    ModelError
        When the file is not part of this installation.
    """
    for folder in (library.parent / "Resources" / module, library / "resources"):
        if (folder / name).exists():
            return folder / name
    raise ModelError(f"The bundled file “{name}” is missing from this installation; please reinstall Microcalc.")
