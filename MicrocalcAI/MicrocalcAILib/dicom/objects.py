"""All objects of an image or an exam, written to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from ..base.errors import MissingPackageError, ParameterError, ResultError
from ..export.results import OVERLAY_FILE
from . import cad_sr, picture
from .composite import write
from .document import encapsulated_report, read_report
from .exam import Analyzed, check_study, read_exam, read_failures
from .source import FailedImage

CAPTURED_IMAGE, REPORT = "image", "report_document"


def write_objects(
    results: Path,
    image: Path,
    folder: Path,
    wanted: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
    report: Path | None = None,
) -> dict[str, Path]:
    """Write the objects of one analyzed image; see :func:`write_exam`."""
    return write_exam([results], [image], folder, wanted, given, report)


def write_exam(
    results: Sequence[Path],
    images: Sequence[Path],
    folder: Path,
    wanted: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
    report: Path | None = None,
    failed: Sequence[Path] = (),
) -> dict[str, Path]:
    """Write the objects of the images of an exam: reports about all of them, and what belongs to each.

    Parameters
    ----------
    results : sequence of Path
        Folders of results as ``microcalc analyze`` writes them, or folders that hold such folders.
    images : sequence of Path
        The files that were analyzed, or folders that hold them, in any order; their patient, study and equipment go
        into the objects.
    folder : Path
        Made when it does not exist; files of the same names are replaced.
    wanted : sequence of str
        Names of :data:`OBJECTS`; all by default.
    given : mapping, optional
        Patient and study of images that are no DICOM files; see :func:`~.given.given_attributes`. Such an image is
        written too, as a secondary capture.
    report : Path, optional
        A PDF file about these images, to be written as an object of their study.
    failed : sequence of Path
        Further DICOM images of the study, whose analysis failed; the CAD report says so.

    Returns
    -------
    dict of str to Path
        Name of each object and its file; with several images, objects of one image begin with the name of its results.
        An object that needs findings is left out where nothing was found.

    Raises
    ------
    ParameterError
        When a name is unknown.
    ResultError
        When results are incomplete, belong to other images, or to images of different patients or studies.
    MissingPackageError
        When highdicom is needed and not installed.

    In each case nothing is written.
    """
    check_kinds(wanted)
    document = None if report is None else read_report(report)
    exam = read_exam(results, images, given or {})
    failures = read_failures(failed)
    check_study([*(one.source for one in exam), *failures])
    made = list(_objects(exam, failures, wanted or tuple(OBJECTS)))
    if document is not None:
        made.append((REPORT, encapsulated_report([one.source for one in exam], document)))
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, dataset in made:
        written[name] = folder / f"{name}.dcm"
        write(dataset, written[name])
    return written


def check_kinds(wanted: Sequence[str]) -> None:
    """Refuse names that are not in :data:`OBJECTS`.

    Raises
    ------
    ParameterError
    """
    unknown = [name for name in wanted if name not in OBJECTS]
    if unknown:
        raise ParameterError(f"There is no DICOM object “{unknown[0]}”; choose from: {', '.join(OBJECTS)}.")


Objects = Iterator[tuple[str, Dataset]]


def _objects(exam: Sequence[Analyzed], failures: Sequence[FailedImage], wanted: Sequence[str]) -> Objects:
    try:
        for kind in wanted:
            if kind in _OF_EXAM:
                yield from _OF_EXAM[kind](exam, failures)
                continue
            for one in exam:
                for name, dataset in _OF_IMAGE[kind](one):
                    yield _named(name, one, exam), dataset
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "Segmentations and measurement reports need highdicom, which is not installed "
            "(pip install highdicom); without it write the objects sr, gsps and sc."
        ) from error
    for one in exam:
        if one.source.captured is not None:
            yield _named(CAPTURED_IMAGE, one, exam), one.source.captured


def _named(name: str, one: Analyzed, exam: Sequence[Analyzed]) -> str:
    return name if len(exam) == 1 else f"{one.name}_{name}"


def _report(exam: Sequence[Analyzed], failures: Sequence[FailedImage]) -> Objects:
    if exam or failures:
        yield "cad_report", cad_sr.cad_report([one.source for one in exam], failures)


def _measurements(exam: Sequence[Analyzed], failures: Sequence[FailedImage]) -> Objects:
    from .measurement_report import measurement_report

    if any(len(one.source.analysis.clusters) for one in exam):
        yield "measurements", measurement_report([one.source for one in exam])


def _outlines(one: Analyzed) -> Objects:
    from .segmentation import outlines

    made = outlines(one.source)
    if made is not None:
        yield "segmentation", made


def _heatmaps(one: Analyzed) -> Objects:
    from .segmentation import probabilities

    for number, heatmap in enumerate(one.source.analysis.heatmaps, start=1):
        yield f"heatmap_{heatmap.task}", probabilities(one.source, heatmap, number)


def _marks(one: Analyzed) -> Objects:
    yield "marks", picture.presentation_state(one.source)


def _picture(one: Analyzed) -> Objects:
    try:
        with Image.open(one.results / OVERLAY_FILE) as overlay:
            pixels = np.asarray(overlay.convert("RGB"))
    except OSError as error:
        raise ResultError(f"The results hold no readable “{OVERLAY_FILE}”; please analyze the image again.") from error
    yield "picture", picture.secondary_capture(one.source, pixels)


_OF_EXAM: dict[str, Callable[[Sequence[Analyzed], Sequence[FailedImage]], Objects]] = {
    "sr": _report,
    "report": _measurements,
}
_OF_IMAGE: dict[str, Callable[[Analyzed], Objects]] = {
    "seg": _outlines,
    "heatmap": _heatmaps,
    "gsps": _marks,
    "sc": _picture,
}
OBJECTS = {
    "sr": "Mammography CAD SR",
    "report": "measurement report (TID 1500)",
    "seg": "segmentation of the outlines",
    "heatmap": "heatmaps as fractional segmentations",
    "gsps": "marks over the image (presentation state)",
    "sc": "the picture (secondary capture)",
}
"""Kinds of objects and what they are; the first two are about all images of an exam."""
