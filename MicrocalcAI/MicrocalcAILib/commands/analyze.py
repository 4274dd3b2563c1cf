"""``microcalc analyze``: images in, one folder of results for each."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import MicrocalcError, ParameterError
from ..base.files import check_replaceable, result_name
from ..base.json_progress import JsonProgress
from ..base.parameters import AnalysisParameters, HeatmapParameters
from ..base.progress import Cancelled, Progress

if TYPE_CHECKING:
    from ..classification.description import DescriptionModels
    from ..networks.readers import NetworkReaders
    from ..segmentation.selection import Selector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="DICOM, NRRD, NIfTI, TIFF, PNG, JPEG …")
    parser.add_argument("--output", required=True, type=Path, help="folder for the results, one folder per image")
    parser.add_argument(
        "--spacing", type=float, metavar="MM", help="pixel spacing in the breast plane; wins over what the file says"
    )
    parser.add_argument(
        "--false-marks", type=float, metavar="PER_CM2", help="operating point: expected false marks per cm² of breast"
    )
    parser.add_argument(
        "--classifier",
        type=Path,
        metavar="DIR",
        help="a classifier of clusters that you trained (default: the bundled one)",
    )
    parser.add_argument(
        "--selector",
        default="auto",
        metavar="NAME|DIR",
        help="who judges the candidates: “auto” (the networks where PyTorch is installed), “measurements”, or a model",
    )
    parser.add_argument(
        "--heatmap",
        action="append",
        default=[],
        metavar="TASK|MODEL",
        help="also draw a heatmap: “detection”, “malignancy”, or a patch network of yours; may be given again",
    )
    parser.add_argument(
        "--heatmap-stride", type=float, metavar="MM", help="distance of the patches (default: 3.92; 7.84: touching)"
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
    parser.add_argument("--json-progress", action="store_true", help="report progress as JSON lines (for programs)")


def run(arguments: argparse.Namespace) -> int:
    """Analyze every image; one that fails does not stop the others. Exit status 1 when any failed."""
    reporter: _Reporter = _JsonReporter() if arguments.json_progress else _TextReporter()
    try:
        file = arguments.parameters
        parameters = AnalysisParameters.from_file(file) if file else AnalysisParameters()
        if arguments.false_marks is not None:
            selection = dataclasses.replace(parameters.selection, false_marks_per_cm2=arguments.false_marks)
            parameters = dataclasses.replace(parameters, selection=selection)
        if arguments.heatmap_stride is not None:
            parameters = dataclasses.replace(parameters, heatmap=HeatmapParameters(arguments.heatmap_stride))
        folders = _result_folders(arguments.images, arguments.output)
        readers = _Readers.load(arguments)
    except MicrocalcError as error:
        reporter.failed(str(error))
        return 2
    failures = 0
    for image, folder in zip(arguments.images, folders, strict=True):
        reporter.begins(image.name)
        try:
            reporter.succeeded(
                folder,
                _analyze_one(image, folder, arguments.spacing, parameters, readers, reporter.progress),
            )
        except Cancelled:
            reporter.failed("Cancelled.")
            return 130
        except MicrocalcError as error:
            failures += 1
            reporter.failed(str(error))
    return 1 if failures else 0


def _analyze_one(
    image: Path,
    folder: Path,
    spacing_mm: float | None,
    parameters: AnalysisParameters,
    readers: _Readers,
    progress: Progress,
) -> dict[str, Any]:
    from ..export.results import write_results
    from ..pipeline import analyze
    from ..reading.reader import read_mammogram

    progress("reading", 0, 1)
    mammogram = read_mammogram(image, spacing_mm, assumed_spacing_mm=parameters.reading.assumed_spacing_mm)
    analysis = analyze(mammogram, parameters, readers.selector, readers.models, readers.networks, progress=progress)
    progress("writing", 0, 1)
    write_results(mammogram, analysis, folder)
    return {
        "calcifications": len(analysis.calcifications),
        "clusters": len(analysis.clusters),
        "warnings": [warning.message for warning in analysis.warnings],
    }


@dataclasses.dataclass(frozen=True)
class _Readers:
    """All models of an analysis; read once for all images."""

    selector: Selector
    models: DescriptionModels
    networks: NetworkReaders | None

    @classmethod
    def load(cls, arguments: argparse.Namespace) -> _Readers:
        from ..classification.description import DescriptionModels
        from ..pipeline import load_selector

        networks = None
        if arguments.heatmap or arguments.detector:
            from ..networks.readers import NetworkReaders

            networks = NetworkReaders.load(arguments.heatmap, arguments.detector, arguments.device)
        return cls(
            load_selector(arguments.selector, arguments.device), DescriptionModels.load(arguments.classifier), networks
        )


def _result_folders(images: list[Path], output: Path) -> list[Path]:
    """One folder per image, named like the image without its suffixes."""
    from ..analysis import ANALYSIS_FILE

    names = [result_name(image) for image in images]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ParameterError(
            f"Several images are called “{repeated[0]}”, their results would overwrite each other; "
            "analyze them with different --output folders."
        )
    folders = [output / name for name in names]
    for folder in folders:
        check_replaceable(folder, ANALYSIS_FILE)
    return folders


class _Reporter:
    """Tells a person or a program how the work goes."""

    progress: Progress

    def begins(self, name: str) -> None:
        raise NotImplementedError

    def succeeded(self, folder: Path, summary: dict[str, Any]) -> None:
        raise NotImplementedError

    def failed(self, sentence: str) -> None:
        raise NotImplementedError


class _TextReporter(_Reporter):
    """One line per image on standard output, the current stage on a terminal, refusals on standard error."""

    def __init__(self) -> None:
        self.on_terminal = sys.stderr.isatty()
        self.name = ""

    def begins(self, name: str) -> None:
        self.name = name

    def progress(self, stage: str, done: int, total: int) -> None:
        if self.on_terminal:
            print(f"\r\033[K{self.name}: {stage} …", end="", file=sys.stderr, flush=True)

    def succeeded(self, folder: Path, summary: dict[str, Any]) -> None:
        self._clear()
        found = f"{summary['calcifications']} calcifications, {summary['clusters']} clusters"
        print(f"{self.name}: {found} → {folder}", flush=True)
        for message in summary["warnings"]:
            print(f"  Note: {message}", flush=True)

    def failed(self, sentence: str) -> None:
        self._clear()
        print(f"{self.name + ': ' if self.name else ''}{sentence}", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self.on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class _JsonReporter(_Reporter):
    """One JSON object per line on standard output.

    ``{"pid"}`` first; then per image ``{"image"}``, ``{"stage", "done", "total"}`` …, and ``{"result",
    "calcifications", "clusters", "warnings"}`` or ``{"error"}``. The work cancels itself when its parent is gone.
    """

    def __init__(self) -> None:
        self._lines = JsonProgress()

    def begins(self, name: str) -> None:
        self._lines.say(image=name)

    def progress(self, stage: str, done: int, total: int) -> None:
        self._lines(stage, done, total)

    def succeeded(self, folder: Path, summary: dict[str, Any]) -> None:
        self._lines.say(result=str(folder), **summary)

    def failed(self, sentence: str) -> None:
        self._lines.say(error=sentence)
