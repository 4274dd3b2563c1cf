"""Where the files that come with the elastography module lie (color tables, sample frame)."""

from __future__ import annotations

from pathlib import Path

from MicrocalcAILib.base.resources import bundled_path


def resource_path(name: str) -> Path:
    """Path of a bundled file or folder, e.g. ``ColorTables/tables.json``.

    Raises
    ------
    ModelError
        When the file is not part of this installation.
    """
    return bundled_path(Path(__file__).resolve().parent, "MicrocalcElastography", name)
