"""The measurement of one acquisition as a task of the batch engine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from MicrocalcAILib.base.progress import Progress
from MicrocalcAILib.base.provenance import sha256_of_file
from MicrocalcAILib.batch.work import Finished

from ..elastogram import Unit
from . import acquisitions
from .options import profiles_of

COLUMNS = {
    **dict.fromkeys(("lesion", "fat", "lesion_on_elastogram", "calcification", "skin", "chest_wall", "box_at"), str),
    **dict.fromkeys(("name", "reader", "patient", "outcome"), str),
    **{"repeat": int, "frame": int, "precompression": float},
}
"""Columns of a table of regions beside ``file``, and the kind of their values."""
_LISTS = ("lesion", "fat", "lesion_on_elastogram", "calcification", "skin", "chest_wall", "box_at")
_DEFAULTS = {**dict.fromkeys(_LISTS), "name": "lesion", "reader": "", "patient": "", "outcome": "", "repeat": 1}
SHARED = (
    *("frame", "unit", "range", "opacity", "color_table", "box", "bar", "corners", "profile", "spacing"),
    *("slice_spacing", "higher_is", "box_mm", "circle", "precompression", "confirmed", "parameters", "cutoffs"),
)
"""Options of the command that hold for all rows, unless the row says otherwise."""


class MeasurementTask:
    """Reads an elastogram, measures the regions of its row, and writes what ``measure`` writes.

    Parameters
    ----------
    options : dict
        The ``SHARED`` options, JSON-ready.
    """

    def __init__(self, options: Mapping[str, Any]):
        paths = {name: options[name] and Path(options[name]) for name in ("parameters", "cutoffs")}
        self._shared = {**options, **paths, "unit": options["unit"] and Unit(options["unit"])}
        self._signature = {
            "parameters": {
                **options,
                **{name: path and sha256_of_file(path) for name, path in paths.items()},
                "profiles": [profile.as_json() for profile in profiles_of(options["profile"])],
            },
            "models": {},
        }

    def signature(self) -> dict[str, Any]:
        """The shared options, with the content of their files."""
        return self._signature

    def run(self, path: Path, options: Mapping[str, Any], progress: Progress) -> Finished:
        """See :class:`~MicrocalcAILib.batch.work.Task`."""
        progress("measuring", 0, 1)
        row = {name: COLUMNS[name](value) for name, value in options.items() if name in COLUMNS}
        values = {**self._shared, **_DEFAULTS, **row}
        values |= {name: [values[name]] for name in _LISTS if values[name] is not None}
        arguments = argparse.Namespace(files=[path], first_repeat=values.pop("repeat"), **values)
        measured = acquisitions.measure(arguments)
        (reading,) = measured.readings
        (assessment,) = measured.assessments
        cells = {
            **{name: value for name, value in asdict(reading).items() if value is not None},
            "found": acquisitions.summary(reading),
            "warnings": [warning.message for warning in dict.fromkeys(assessment.warnings)],
        }
        return Finished(cells, lambda folder, name: acquisitions.write(measured, folder))
