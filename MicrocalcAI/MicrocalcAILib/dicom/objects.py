"""All objects of an analysis, written to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from ..analysis import load_analysis
from ..base.errors import MissingPackageError, ParameterError, ResultError
from ..export.results import OVERLAY_FILE
from . import cad_sr, picture
from .composite import write
from .source import SourceImage, read_source


def write_objects(results: Path, image: Path, folder: Path, wanted: Sequence[str] = ()) -> dict[str, Path]:
    """Write the objects of one analyzed DICOM image.

    Parameters
    ----------
    results : Path
        Folder of the image's results, as ``microcalc analyze`` writes it.
    image : Path
        The DICOM file that was analyzed; its patient, study and equipment go into the objects.
    folder : Path
        Made when it does not exist; files of the same names are replaced.
    wanted : sequence of str
        Names of :data:`OBJECTS`; all by default.

    Returns
    -------
    dict of str to Path
        Name of each object and its file. An object that needs findings is left out where nothing was found.

    Raises
    ------
    ParameterError
        When a name is unknown.
    ResultError
        When the results are incomplete or belong to another image; nothing is written then.
    MissingPackageError
        When highdicom is needed and not installed.
    """
    unknown = [name for name in wanted if name not in OBJECTS]
    if unknown:
        raise ParameterError(f"There is no DICOM object “{unknown[0]}”; choose from: {', '.join(OBJECTS)}.")
    source = read_source(image, load_analysis(results))
    try:
        made = [entry for kind in wanted or OBJECTS for entry in OBJECTS[kind](source, results)]
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "Segmentations and measurement reports need highdicom, which is not installed "
            "(pip install highdicom); without it write the objects sr, gsps and sc."
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, dataset in made:
        written[name] = folder / f"{name}.dcm"
        write(dataset, written[name])
    return written


Objects = Iterator[tuple[str, Dataset]]


def _report(source: SourceImage, _results: Path) -> Objects:
    yield "cad_report", cad_sr.cad_report([source])


def _measurements(source: SourceImage, _results: Path) -> Objects:
    from .measurement_report import measurement_report

    if len(source.analysis.clusters):
        yield "measurements", measurement_report([source])


def _outlines(source: SourceImage, _results: Path) -> Objects:
    from .segmentation import outlines

    made = outlines(source)
    if made is not None:
        yield "segmentation", made


def _heatmaps(source: SourceImage, _results: Path) -> Objects:
    from .segmentation import probabilities

    for number, heatmap in enumerate(source.analysis.heatmaps, start=1):
        yield f"heatmap_{heatmap.task}", probabilities(source, heatmap, number)


def _marks(source: SourceImage, _results: Path) -> Objects:
    yield "marks", picture.presentation_state(source)


def _picture(source: SourceImage, results: Path) -> Objects:
    try:
        with Image.open(results / OVERLAY_FILE) as overlay:
            pixels = np.asarray(overlay.convert("RGB"))
    except OSError as error:
        raise ResultError(f"The results hold no readable “{OVERLAY_FILE}”; please analyze the image again.") from error
    yield "picture", picture.secondary_capture(source, pixels)


OBJECTS: dict[str, Callable[[SourceImage, Path], Objects]] = {
    "sr": _report,
    "report": _measurements,
    "seg": _outlines,
    "heatmap": _heatmaps,
    "gsps": _marks,
    "sc": _picture,
}
"""Kinds of objects: CAD report, measurement report, outlines, heatmaps, marks over the image, picture."""
