"""``microcalc elastography strain``: two echo frames in, the strain between them out, to be measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError

HELP = (
    "Compute the strain between two echo frames (radio-frequency lines or B-mode envelope) as a map for “elastography "
    "measure”."
)
_BYTE_BUDGET = 1 << 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path,
                        help="two files with a frame each, or one with several (.npy, .mat, .csv): samples "
                        "along the beam × lines, from the probe on; several: frames × samples × lines")  # fmt: skip
    parser.add_argument("--frames", nargs=2, type=int, default=(0, 1), metavar=("BEFORE", "AFTER"),
                        help="of a file with several, counted from 0 (default: 0 1)")  # fmt: skip
    parser.add_argument("--spacing", nargs=2, type=float, required=True, metavar=("SAMPLE", "LINE"),
                        help="distance of samples and of lines in mm")  # fmt: skip
    parser.add_argument("--window-mm", type=float, metavar="MM",
                        help="length of the windows compared (default: 1.5)")  # fmt: skip
    parser.add_argument("--largest-strain", type=float, metavar="SHARE", help="looked for (default: 0.03)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(arguments: argparse.Namespace) -> int:
    """Compute and write ``strain.nrrd`` and ``strain.json``."""
    from dataclasses import replace

    import numpy as np

    from ..results import write_map, write_record
    from ..strain import StrainParameters, strain_elastogram

    before, after = _frames(arguments)
    given = {"window_mm": arguments.window_mm, "largest_strain": arguments.largest_strain}
    parameters = replace(StrainParameters(), **{name: value for name, value in given.items() if value is not None})
    sample_mm, line_mm = arguments.spacing
    elastogram = strain_elastogram(before, after, (sample_mm, line_mm), parameters)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_map(elastogram, arguments.output / "strain.nrrd")
    source = elastogram.source
    write_record(
        {**source, "warnings": [warning.code for warning in elastogram.warnings]}, arguments.output / "strain.json"
    )
    print(
        f"Mean strain {source['mean_strain']:.2%}, mean correlation {source['mean_correlation']:.2f}, "
        f"{float(np.mean(elastogram.valid)):.0%} of the image with a value"
    )
    for warning in elastogram.warnings:
        print(f"  Note: {warning.message}")
    return 0


def _frames(arguments: argparse.Namespace):  # type: ignore[no-untyped-def]
    from ..reading.arrays import is_array_file, read_array

    for path in arguments.files:
        if not path.is_file() or not is_array_file(path):
            raise ParameterError(f"“{path.name}” is no .npy, .mat or .csv file that is there.")
    arrays = [read_array(path, _BYTE_BUDGET) for path in arguments.files]
    if len(arrays) == 2 and all(array.ndim == 2 for array in arrays):
        return arrays
    if len(arrays) == 1 and arrays[0].ndim == 3:
        chosen = arguments.frames
        if not all(0 <= number < len(arrays[0]) for number in chosen) or chosen[0] == chosen[1]:
            raise ParameterError(f"The file has {len(arrays[0])} frames, counted from 0; choose two of them.")
        return [arrays[0][number] for number in chosen]
    raise ParameterError("Give two files with one frame each, or one file with several frames.")
