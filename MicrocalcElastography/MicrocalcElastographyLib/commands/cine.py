"""``microcalc elastography cine``: the frames of a cine, the steadiest stretch, and the frame to measure."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_reading, calibration_of, check_profile

if TYPE_CHECKING:
    from ..cine import CineSummary

HELP = "List the elastograms of a cine: values over time, the steadiest stretch, and the frame to measure."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    from ..cine import STRETCH

    parser.add_argument("file", metavar="FILE", type=Path, help="DICOM cine or a picture of several pages")
    parser.add_argument("--region", metavar="REGION", help="what is followed, as in measure (default: the whole box)")
    parser.add_argument("--stretch", type=int, default=STRETCH, metavar="N",
                        help=f"new elastograms in a row that should be steady (default: {STRETCH})")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for cine.csv and cine.json")
    add_reading(parser.add_argument_group("what cannot be read from the file (what is given here wins)"))


def run(arguments: argparse.Namespace) -> int:
    """Follow the cine, write, then print."""
    from ..cine import follow_cine
    from ..measurement import parse_region

    text = arguments.region
    find_region = None if text is None else (lambda first: parse_region(first, text).in_box(first))
    summary = follow_cine(arguments.file, calibration_of(arguments), find_region, arguments.stretch)
    check_profile(arguments, summary.warnings)
    if arguments.output is not None:
        _write(summary, arguments.output)
    report(summary)
    return 0 if summary.spread is not None else 1


def _write(summary: CineSummary, folder: Path) -> None:
    from dataclasses import asdict

    import pandas as pd

    from MicrocalcAILib.base.provenance import provenance

    from ..readings import write_table
    from ..results import write_record

    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([asdict(frame) for frame in summary.shown])
    table["in_steadiest_stretch"] = table["frame"].isin(summary.stretch)
    table["chosen"] = table["frame"] == summary.chosen
    write_table(table, folder / "cine.csv")
    write_record(provenance(**asdict(summary)), folder / "cine.json")


def report(summary: CineSummary) -> None:
    """Print the frames, the steadiest stretch and the frame to measure."""
    frames = "1 frame" if summary.frames == 1 else f"{summary.frames} frames"
    print(f"{frames}, {len(summary.shown)} of them with a new elastogram:")
    for frame in summary.shown:
        marks = " steady" if frame.frame in summary.stretch else ""
        marks += ", chosen" if frame.frame == summary.chosen else ""
        value = "no value" if frame.mean is None else f"mean {frame.mean:.4g} {summary.unit}"
        print(f"  frame {frame.frame}: {value}, {frame.valid_share:.0%} with a value{marks}")
    if summary.spread is not None:
        words = f"steadiest stretch: mean {summary.spread.mean:.4g} {summary.unit}"
        if summary.temporal_sd is not None:
            words += f", temporal SD {summary.temporal_sd:.3g} {summary.unit}"
        if summary.spread.relative_interquartile_range is not None:
            words += f", IQR / median {summary.spread.relative_interquartile_range:.0%}"
        print(words)
    print(f"Measure frame {summary.chosen} (--frame {summary.chosen}): {summary.reason}")
    for warning in dict.fromkeys(summary.warnings):
        print(f"  Note: {warning.message}")
