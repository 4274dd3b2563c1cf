"""``microcalc elastography strain``: two echo frames in, the strain between them out, to be measured."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = (
    "Compute the strain between two echo frames (radio-frequency lines or B-mode envelope) as a map for “elastography "
    "measure”."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path,
                        help="two files with a frame each, or one with several: .npy, .mat, .csv (samples along "
                        "the beam × lines, from the probe on; several: frames × samples × lines), NRRD, MetaImage, "
                        "NIfTI (a frame in each slice), or a DICOM cine")  # fmt: skip
    parser.add_argument("--frames", nargs=2, type=int, default=(0, 1), metavar=("BEFORE", "AFTER"),
                        help="of a file with several, counted from 0 (default: 0 1)")  # fmt: skip
    parser.add_argument("--spacing", nargs=2, type=float, metavar=("SAMPLE", "LINE"),
                        help="distance of samples and of lines in mm, where the file does not tell it")  # fmt: skip
    parser.add_argument("--window-mm", type=float, metavar="MM",
                        help="length of the windows compared (default: 1.5)")  # fmt: skip
    parser.add_argument("--largest-strain", type=float, metavar="SHARE", help="looked for (default: 0.03)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(arguments: argparse.Namespace) -> int:
    """Compute and write ``strain.nrrd``, ``quality.nrrd`` (the correlation, to 1) and ``strain.json``."""
    from dataclasses import replace

    import numpy as np

    from ..reading.echo_frames import read_echo_frames
    from ..results import write_map, write_quality, write_record
    from ..strain import StrainParameters, strain_image

    spacing = None if arguments.spacing is None else (arguments.spacing[0], arguments.spacing[1])
    frames = read_echo_frames(arguments.files, tuple(arguments.frames), spacing)
    given = {"window_mm": arguments.window_mm, "largest_strain": arguments.largest_strain}
    parameters = replace(StrainParameters(), **{name: value for name, value in given.items() if value is not None})
    elastogram, correlation = strain_image(frames.before, frames.after, frames.spacing_mm, parameters)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_map(elastogram, arguments.output / "strain.nrrd")
    write_quality(correlation, elastogram, arguments.output / "quality.nrrd")
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
