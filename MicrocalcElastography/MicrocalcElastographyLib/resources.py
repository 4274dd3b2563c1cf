"""Where the files that come with the elastography module lie (color tables, sample frame)."""

from __future__ import annotations

from pathlib import Path

from MicrocalcAILib.errors import ParameterError

_LIBRARY = Path(__file__).resolve().parent
# In the source tree and in an installed Slicer extension the resources lie beside the library;
# `pip install` puts the same files into the package.
_FOLDERS = (_LIBRARY.parent / "Resources" / "MicrocalcElastography", _LIBRARY / "resources")


def resource_path(name: str) -> Path:
    """Path of a bundled file or folder, e.g. ``SampleData/mach30_frame.png``.

    Raises
    ------
    ParameterError
        When the file is not part of this installation.
    """
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise ParameterError(f"The bundled file “{name}” is missing from this installation; please reinstall Microcalc.")
