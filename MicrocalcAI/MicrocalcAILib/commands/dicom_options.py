"""What commands that write DICOM objects have in common: kinds of objects, patient and study."""

from __future__ import annotations

import argparse
from pathlib import Path

KINDS = {  # as MicrocalcAILib.dicom.OBJECTS, for --help without importing it
    "sr": "Mammography CAD SR",
    "report": "measurement report (TID 1500)",
    "seg": "segmentation of the outlines",
    "heatmap": "heatmaps as fractional segmentations",
    "gsps": "marks over the image (presentation state)",
    "sc": "the picture (secondary capture)",
}
KINDS_HELP = "; ".join(f"{name}: {meaning}" for name, meaning in KINDS.items())


def kinds(text: str) -> list[str]:
    """Kinds of objects, separated by commas."""
    return text.split(",")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Patient and study of images that are no DICOM files."""
    group = parser.add_argument_group(
        "patient and study", "of images that are no DICOM files; DICOM images must not contradict"
    )
    group.add_argument("--patient-id", default="", metavar="ID")
    group.add_argument("--study-uid", default="", metavar="UID", help="Study Instance UID")
    group.add_argument(
        "--attributes",
        type=Path,
        metavar="FILE",
        help="JSON file with these and more, by DICOM keyword: {“PatientID”: “…”, “PatientName”: “…”, …}",
    )


def given(arguments: argparse.Namespace) -> dict[str, str]:
    """What was given, checked."""
    from ..dicom import given_attributes

    return given_attributes(arguments.attributes, arguments.patient_id, arguments.study_uid)
