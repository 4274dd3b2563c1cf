"""``microcalc elastography measure``: acquisitions of one lesion in, numbers, checks and pictures out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from MicrocalcAILib.base.errors import MissingPackageError, ParameterError
from MicrocalcAILib.commands import batch_options

from .acquisitions import Measured, measure, summary, title, write
from .frames import LIST, print_frames
from .options import add_reading

if TYPE_CHECKING:
    import pandas as pd

HELP = (
    "Measure a lesion in one or several acquisitions: stiffest box, ratios to fat, scores, protocol, annotated picture."
)
_REGION_HELP = (
    "x,y,rx,ry[,degrees] for an ellipse, the corners x1,y1,x2,y2,… of a polygon, or a label map FILE[:LABEL]; pixels "
    "of the image, or with mm behind it (“20,15,4,3 mm”) millimeters from the upper left corner of the image panel, y "
    "being the depth below the probe; once for all files or once for each"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path,
                        help="acquisitions of the same lesion: screens (DICOM, PNG, JPEG, TIFF) or maps")  # fmt: skip
    parser.add_argument("--regions", type=Path, metavar="TABLE",
                        help="many lesions instead: a CSV table with a row for each acquisition, columns file, lesion "
                        "and, where they differ, fat, skin, …, name, reader, repeat, patient, outcome")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the results; needed to measure")
    _add_regions(parser.add_argument_group("regions", _REGION_HELP))
    reading = parser.add_argument_group("what cannot be read from the file (what is given here wins)")
    reading.add_argument("--frame", type=int, nargs="?", const=LIST, metavar="N",
                         help="frame, page or slice, counted from 0; without a number, what there is is listed and "
                         "nothing is measured")  # fmt: skip
    add_reading(reading)
    reading.add_argument("--corners", nargs="*", type=float, metavar="X_Y",
                         help="photo of a screen: x y of its upper left, upper right, lower right and lower left "
                         "corner, or nothing to have them found; it is made upright, and everything else is given on "
                         "the upright picture")  # fmt: skip
    reading.add_argument("--slice-spacing", type=float, metavar="MM", help="distance of the slices of a map of values")
    reading.add_argument("--higher-is", choices=("softer", "stiffer"), help="meaning of a map of strain values")
    _add_measurement(parser.add_argument_group("measurement and protocol"))
    _add_record(parser.add_argument_group("record"))
    batch_options.add_arguments(parser)


def _add_regions(group: argparse._ArgumentGroup) -> None:
    def region(option: str, text: str) -> None:
        group.add_argument(option, nargs="+", metavar="REGION", help=text)

    region("--lesion", "outline of the lesion, usually as seen on B-mode")
    region("--fat", "fat at the same depth, the reference of the ratios")
    region("--lesion-on-elastogram", "the same lesion as seen on the elastogram, for the size ratio")
    region("--calcification", "calcifications seen on B-mode")
    region("--skin", "the skin, or one number: its lower edge in mm below the probe (default: the probe's surface)")
    region("--chest-wall", "the chest wall, or one number: its depth in mm below the probe")


def _add_measurement(group: argparse._ArgumentGroup) -> None:
    from ..protocol import OPERATOR_RULES

    group.add_argument("--box-mm", type=float, metavar="MM", help="side or diameter of the box (default: 2)")
    group.add_argument("--circle", action="store_true", help="round measurement box instead of a square one")
    group.add_argument("--box-at", metavar="X,Y", nargs="+",
                       help="center of a box placed by hand, as in regions (default: stiffest place)")  # fmt: skip
    group.add_argument("--precompression", type=float, metavar="LEVEL", help="of the scanner's pressure indicator")
    group.add_argument("--confirmed", nargs="+", choices=OPERATOR_RULES, metavar="RULE",
                       help=f"what only the examiner knows and confirms: {', '.join(OPERATOR_RULES)}")  # fmt: skip
    group.add_argument("--parameters", type=Path, metavar="FILE", help="JSON file with parameters that differ")


def _add_record(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", default="lesion", help="name of the lesion in table and picture (default: lesion)")
    group.add_argument("--reader", default="", help="reader's name; “consensus” for the agreed third reading")
    group.add_argument("--first-repeat", type=int, default=1, metavar="N", help="number of the first file (default: 1)")
    group.add_argument("--patient", default="", help="pseudonym, never a name")
    group.add_argument("--outcome", default="", choices=("malignant", "benign"), help="once it is known")
    group.add_argument("--table", type=Path, metavar="FILE",
                       help="CSV table the readings are added to, for “microcalc cohort analyze”; lesions.csv in the "
                       "output folder then holds one row for each of its lesions")  # fmt: skip
    group.add_argument("--dicom", action="store_true",
                       help="also write “report.dcm”, a DICOM measurement report (TID 1500); acquisitions are DICOM "
                       "images of one study then")  # fmt: skip
    group.add_argument("--cutoffs", type=Path, metavar="FILE", help="edited list of published cut-offs (JSON)")


def run(arguments: argparse.Namespace) -> int:
    """Measure every file, then write; a refused file stops the command before anything is written.

    The exit status is 1 when no acquisition has a value.
    """
    if arguments.frame == LIST:
        if arguments.regions is not None or not arguments.files:
            raise ParameterError("Frames are listed of files: write them before --frame, without a table of regions.")
        print_frames(arguments)
        return 0
    if arguments.output is None:
        raise ParameterError("Say where the results go (--output DIR).")
    if arguments.regions is not None:
        if arguments.dicom:
            raise ParameterError("A DICOM report is of one lesion; measure it without a table of many.")
        from . import measure_many

        return measure_many.run(arguments)
    if not arguments.files or arguments.lesion is None:
        raise ParameterError("Give the files of a lesion and its outline (--lesion), or a table of many (--regions).")
    from ..readings import one_row_per_lesion, with_readings, write_readings, write_table

    measured = measure(arguments)
    study = with_readings(arguments.table, measured.readings) if arguments.table is not None else None
    lesions = one_row_per_lesion(study) if study is not None else None
    report = _dicom_report(arguments, measured) if arguments.dicom else None
    # Everything is written before the first word is printed: whoever reads the words may stop listening.
    write(measured, arguments.output)
    if report is not None:
        report(arguments.output / "report.dcm")
    if study is not None and lesions is not None:
        write_table(lesions, arguments.output / "lesions.csv")
        write_readings(study, arguments.table)
    _report(measured, arguments.output)
    if lesions is not None:
        _report_agreement(lesions.set_index("lesion").loc[arguments.name])
    if any(assessment.measurement.measured is not None for assessment in measured.assessments):
        return 0
    print("microcalc: nothing was measured: no acquisition has a value on the lesion.", file=sys.stderr)
    return 1


def _dicom_report(arguments: argparse.Namespace, measured: Measured) -> Callable[[Path], None]:
    """Writes the report when it is called; refuses before anything is written."""
    try:
        from ..dicom import acquisitions_of, write_report
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "DICOM reports need highdicom, which is not installed (pip install highdicom)."
        ) from error
    acquisitions = acquisitions_of(arguments.files, measured.assessments, measured.readings)
    return partial(write_report, acquisitions)


def _report(measured: Measured, folder: Path) -> None:
    from ..protocol import Status, repeat_spread

    for assessment, reading in zip(measured.assessments, measured.readings, strict=True):
        print(f"{title(reading)}: {summary(reading)}")
        for check in assessment.checks:
            if check.status is not Status.PASS:
                print(f"  {check.status}: {check.message}")
        for warning in dict.fromkeys(assessment.warnings):
            print(f"  Note: {warning.message}")
    for row in measured.printed():
        unit = f" {row['unit']}" if row["unit"] else ""
        print(
            f"Acquisition {row['acquisition']}, {row['quantity']}: printed on the screen {row['printed']:g}{unit}, "
            f"measured here {row['measured']:.4g}{unit}"
        )
    for _, words, values in measured.repeated():
        if len(values) > 1:
            spread = repeat_spread(values)
            print(f"{words} of {spread.count} acquisitions: {spread.mean:.4g}")
    for checks in measured.repeat_checks().values():
        for check in checks:
            print(f"  {check.status}: {check.message}")
    print(f"Results: {folder}")


def _report_agreement(lesion: pd.Series) -> None:
    """How the readers of this lesion agree, over all its readings in the table."""
    print(f"In the table: {lesion['agreement']} (readers {lesion['readers']}, readings {lesion['acquisitions']})")
