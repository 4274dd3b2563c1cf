"""``microcalc export``: results in forms that other software reads."""

from __future__ import annotations

import argparse
from pathlib import Path

KINDS = {  # names of MicrocalcAILib.dicom.OBJECTS, for --help without importing it
    "sr": "Mammography CAD SR",
    "report": "measurement report (TID 1500)",
    "seg": "segmentation of the outlines",
    "heatmap": "heatmaps as fractional segmentations",
    "gsps": "marks over the image (presentation state)",
    "sc": "the picture (secondary capture)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per form."""
    forms = parser.add_subparsers(dest="form", required=True, metavar="FORM")
    dicom = forms.add_parser("dicom", help="DICOM objects of one analyzed DICOM image")
    dicom.add_argument("results", metavar="RESULTS", type=Path, help="folder of the image's results")
    dicom.add_argument("--source", required=True, type=Path, metavar="IMAGE", help="the DICOM file that was analyzed")
    dicom.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the objects")
    dicom.add_argument(
        "--objects",
        type=lambda text: text.split(","),
        default=[],
        metavar="KIND,…",
        help="; ".join(f"{name}: {meaning}" for name, meaning in KINDS.items()) + " (default: all)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the objects and name them."""
    from ..dicom import write_objects

    for path in write_objects(arguments.results, arguments.source, arguments.output, arguments.objects).values():
        print(path)
    return 0
