"""``microcalc elastography measure FILE… --frame``: which frames, pages or slices there are."""

from __future__ import annotations

import argparse
from pathlib import Path

from MicrocalcAILib.base.errors import MicrocalcError

from . import cine
from .acquisitions import read
from .options import calibration_of

LIST = -1
"""Stands for ``--frame`` without a number; no frame has it."""


def print_frames(arguments: argparse.Namespace) -> None:
    """List the elastograms of a cine or the slices of a map, for every file; nothing is measured."""
    from ..cine import follow_cine

    for number, path in enumerate(arguments.files):
        if len(arguments.files) > 1:
            print(f"File {number + 1}:")
        slices = _slices(path, arguments)
        if slices:
            _print_slices(path, arguments, slices)
        else:
            cine.report(follow_cine(path, calibration_of(arguments)))


def _slices(path: Path, arguments: argparse.Namespace) -> int:
    """Slices or frames of a map of values; 0 for a screen."""
    try:
        first = read(path, arguments, 0)
    except MicrocalcError:
        # Perhaps a cine whose elastograms begin later; what is wrong with any other file is said by its next reader.
        return 0
    return 0 if first.frame is not None else int(first.source.get("slices") or first.source.get("frames") or 1)


def _print_slices(path: Path, arguments: argparse.Namespace, slices: int) -> None:
    print("1 slice:" if slices == 1 else f"{slices} slices, counted from 0:")
    for number in range(slices):
        elastogram = read(path, arguments, number)
        known = elastogram.values[elastogram.valid]
        value = f"mean {known.mean():.4g} {elastogram.unit}" if known.size else "no value"
        print(f"  slice {number}: {value}, {elastogram.valid.mean():.0%} with a value")
