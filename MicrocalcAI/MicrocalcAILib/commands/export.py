"""``microcalc export``: results in forms that other software reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import dicom_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per form."""
    forms = parser.add_subparsers(dest="form", required=True, metavar="FORM")
    dicom = forms.add_parser("dicom", help="DICOM objects of an analyzed image, or of all images of an exam")
    dicom.add_argument(
        "results", metavar="RESULTS", nargs="+", type=Path, help="folders of results, or folders that hold them"
    )
    dicom.add_argument(
        "--source",
        required=True,
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="the files that were analyzed, or folders that hold them, in any order",
    )
    dicom.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the objects")
    dicom.add_argument(
        "--objects",
        type=dicom_options.kinds,
        default=[],
        metavar="KIND,…",
        help=f"{dicom_options.KINDS_HELP} (default: all)",
    )
    dicom.add_argument("--report", type=Path, metavar="PDF", help="a report about these images, to be written as well")
    dicom_options.add_arguments(dicom)


def run(arguments: argparse.Namespace) -> int:
    """Write the objects and name them."""
    from ..dicom import write_exam

    given = dicom_options.given(arguments)
    written = write_exam(
        arguments.results, arguments.source, arguments.output, arguments.objects, given, arguments.report
    )
    for path in written.values():
        print(path)
    return 0
