"""``microcalc analyze``: images in, one folder of results for each, and a table of all."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ..base.errors import MicrocalcError, ParameterError
from ..base.parameters import SIMULATED_CLASSIFIER, AnalysisParameters, HeatmapParameters
from ..batch.inputs import absolute, find_inputs
from ..batch.plan import Item, plan
from ..batch.pseudonyms import pseudonymized
from ..batch.worker_process import TaskName
from . import batch_options, dicom_options

TASK = "MicrocalcAILib.commands.analysis_task:AnalysisTask"
MEGABYTES_PER_RESULT = 12.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "images",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="DICOM, NRRD, NIfTI, TIFF, PNG, JPEG …, folders with all below them, or a DICOMDIR",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        help="folder for the results: one folder per image, in the tree of the images, and summary.csv",
    )
    parser.add_argument(
        "--spacing", type=float, metavar="MM", help="pixel spacing in the breast plane; wins over what the file says"
    )
    parser.add_argument(
        "--false-marks", type=float, metavar="PER_CM2", help="operating point: expected false marks per cm² of breast"
    )
    parser.add_argument(
        "--classifier",
        metavar="NAME|DIR|simulated",
        help="estimate malignancy by the features with a classifier that you trained; “simulated”: the bundled one, "
        "which shows how the method works and says nothing reliable about a patient (default: no such estimate)",
    )
    parser.add_argument(
        "--words",
        metavar="NAME|DIR",
        help="suggest the words of clusters with a model that went on learning (default: the bundled one)",
    )
    parser.add_argument(
        "--selector",
        default="auto",
        metavar="NAME|DIR",
        help="who judges the candidates: “auto” (with neural networks), “measurements”, or a model",
    )
    parser.add_argument(
        "--heatmap",
        action="append",
        default=[],
        metavar="TASK|MODEL",
        help="also draw a heatmap: “detection”, “malignancy”, or a patch network of yours; may be given again",
    )
    parser.add_argument(
        "--heatmap-stride", type=float, metavar="MM", help="distance of the patches (default: 2.24; 7.84: touching)"
    )
    parser.add_argument(
        "--detector",
        metavar="default|MODEL",
        help="also draw the boxes of a lesion detector; “default”: the bundled one",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="for networks (default: auto)"
    )
    parser.add_argument("--parameters", type=Path, metavar="FILE", help="JSON file with parameters that differ")
    parser.add_argument(
        "--pseudonyms",
        type=Path,
        metavar="FILE",
        help="name outputs by pseudonyms, and keep the key in this CSV file, apart from the results",
    )
    parser.add_argument(
        "--dicom",
        nargs="?",
        type=dicom_options.kinds,
        const=list(dicom_options.KINDS),
        metavar="KIND,…",
        help=f"also write DICOM objects, into the folder “dicom” of each result; {dicom_options.KINDS_HELP} "
        "(--dicom alone: all)",
    )
    dicom_options.add_arguments(parser)
    batch_options.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Analyze every image, each in a worker process; what goes wrong with one does not touch the others."""
    reporter = batch_options.reporter_of(arguments, found_words)
    try:
        if arguments.dicom is not None and arguments.pseudonyms is not None:
            raise ParameterError("DICOM objects name the patient; write them without --pseudonyms.")
        task = TaskName(TASK, task_options(arguments))
        if absolute(arguments.output) in map(absolute, arguments.images):
            raise ParameterError("Results cannot be written among the images; choose another output folder.")
        items = planned(arguments)
        if arguments.pseudonyms is not None:
            items = pseudonymized(items, arguments.pseudonyms, arguments.output)
    except MicrocalcError as error:
        reporter.stopped(str(error))
        return 2
    return batch_options.run(items, task, arguments, reporter, MEGABYTES_PER_RESULT)


def planned(arguments: argparse.Namespace) -> list[Item]:
    """The images to analyze; raises ParameterError when there is none."""
    items = plan(find_inputs(arguments.images, arguments.output))
    if not items:
        raise ParameterError("There is no file below these folders; choose the folder that holds the images.")
    return items


def task_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the workers have to know, JSON-ready."""
    file = arguments.parameters
    parameters = AnalysisParameters.from_file(file) if file else AnalysisParameters()
    if arguments.false_marks is not None:
        selection = dataclasses.replace(parameters.selection, false_marks_per_cm2=arguments.false_marks)
        parameters = dataclasses.replace(parameters, selection=selection)
    if arguments.heatmap_stride is not None:
        parameters = dataclasses.replace(parameters, heatmap=HeatmapParameters(arguments.heatmap_stride))
    return {
        "parameters": parameters.to_dict(),
        "spacing_mm": arguments.spacing,
        "selector": arguments.selector,
        "classifier": _folder_or_name(arguments.classifier),
        "words": _folder_or_name(arguments.words),
        "heatmaps": arguments.heatmap,
        "detector": arguments.detector,
        "device": arguments.device,
        "dicom": arguments.dicom,
        "given": {} if arguments.dicom is None else _given(arguments),
    }


def _folder_or_name(given: str | None) -> str | None:
    if given is None or given == SIMULATED_CLASSIFIER or not Path(given).is_dir():
        return given
    return str(Path(given).absolute())


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    from ..dicom.objects import check_kinds

    check_kinds(arguments.dicom)
    return dicom_options.given(arguments)


def found_words(row: dict[str, Any]) -> str:
    """What was found in an image, by its row."""
    return f"{row['calcifications']} calcifications, {row['clusters']} clusters"
