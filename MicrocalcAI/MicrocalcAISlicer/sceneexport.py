"""From the scene to files: the analysis as the nodes show it now, the reader's edits included."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.files import check_replaceable
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import tableFrame

from . import lesionboxes, probabilitymaps
from .calcificationmarks import MarkReader
from .editing import refreshAfterEdit
from .inputvolume import fileName, writeVolume
from .readercolumns import wordsWithChoices
from .results import ResultNodes, calcificationRows, clusterRows, imageRecord, provenanceOf, volumeOf, wordsOf

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd

    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.reading import Mammogram

_YES_NO_COLUMNS = re.compile(r"positive_.*")


def exportResults(results: ResultNodes, folder: Path) -> Path:
    """Write tables, segmentation, label map, pictures, heatmaps and boxes of one image as the scene shows them now.

    Parameters
    ----------
    results : ResultNodes
    folder : Path
        Gets a folder named like the image; an earlier export of it is replaced when everything was written.

    Returns
    -------
    Path
        The folder of the image.

    Raises
    ------
    MicrocalcError
        With one sentence: the image is gone, or the folder holds something else.
    """
    from MicrocalcAILib.analysis import ANALYSIS_FILE
    from MicrocalcAILib.export.results import write_results

    volumeNode = volumeOf(results)
    target = Path(folder) / _folderName(_present(volumeNode))
    check_replaceable(target, ANALYSIS_FILE)
    write_results(*mammogramAndAnalysis(results), target)
    return target


def mammogramAndAnalysis(results: ResultNodes) -> tuple[Mammogram, Analysis]:
    """An image and its analysis as the scene shows them now.

    Raises
    ------
    ParameterError
        When the image is gone.
    """
    from MicrocalcAILib.reading import read_mammogram

    volumeNode = _present(volumeOf(results))
    if not _isInStep(results):  # outlines were edited by other means than the effect “Microcalcification”
        results = refreshAfterEdit(volumeNode) or results
    with tempfile.TemporaryDirectory(prefix="Microcalc-") as temporary:
        image = Path(temporary) / fileName(volumeNode)
        writeVolume(volumeNode, image)
        analysis = analysisOf(results)
        return read_mammogram(image, tuple(analysis.spacing_mm)), analysis


def _present(volumeNode):
    if volumeNode is None or volumeNode.GetImageData() is None:
        raise ParameterError("The image of these results is no longer in the scene; load it again.")
    return volumeNode


def analysisOf(results: ResultNodes) -> Analysis:
    """The library's Analysis of what the scene shows now: outlines from the segmentation, tables, reader's words.

    Outlined pixels that belong to no row of the table of calcifications are left out, and a warning record says so.
    """
    from MicrocalcAILib.analysis import Analysis

    volumeNode = volumeOf(results)
    record = imageRecord(results.segmentationNode)
    matrix = ijkToRas(volumeNode)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    toLps = np.diag([-1.0, -1.0, 1.0])
    labels, lostCount = _labels(results)
    warnings = list(results.warnings)
    if lostCount:
        warnings.append(
            WarningRecord(
                "outline-without-row",
                f"Outlined spots that are in no table are left out ({lostCount}); analyze again, or edit with the "
                "effect “Microcalcification”, so that they are measured.",
            )
        )
    return Analysis(
        labels=labels,
        calcifications=_frame(results.calcificationsTableNode, yesNo=("in_pectoral_muscle",)),
        clusters=_frame(results.clustersTableNode),
        spacing_mm=tuple(record.get("spacing_mm", (float(lengths[1]), float(lengths[0])))),
        breast_area_cm2=record.get("breast_area_cm2", float("nan")),
        breast_box=tuple(record.get("breast_box", (0, 0, 0, 0))),
        origin_lps_mm=tuple((toLps @ matrix[:3, 3]).tolist()),
        direction_lps=tuple((toLps @ (matrix[:3, :3] / lengths)).ravel().tolist()),
        words=wordsWithChoices(clusterRows(results.clustersTableNode), wordsOf(results.segmentationNode)),
        heatmaps=probabilitymaps.mapsOf(results.segmentationNode),
        boxes=lesionboxes.boxesOf(results.segmentationNode),
        warnings=tuple(warnings),
        provenance=provenanceOf(results.segmentationNode),
    )


def _labels(results: ResultNodes) -> tuple[np.ndarray, int]:
    """Label map with the calcifications' ids, and how many outlined spots are in no table."""
    marks = MarkReader(volumeOf(results), results.segmentationNode).marks
    known = {int(row["id"]) for row in calcificationRows(results)}
    lost = [identifier for identifier in marks.pixels if identifier not in known]
    return np.where(np.isin(marks.labels, lost), 0, marks.labels), len(lost)


def _isInStep(results: ResultNodes) -> bool:
    """Whether the table of calcifications has just what is outlined."""
    marks = MarkReader(volumeOf(results), results.segmentationNode).marks
    return set(marks.pixels) == {int(row["id"]) for row in calcificationRows(results)}


def _frame(tableNode, yesNo: tuple[str, ...] = ()) -> pd.DataFrame:
    """A table node as the analysis had it: yes and no are truth values again, and empty texts empty."""
    frame = tableFrame(tableNode)
    for name in frame.columns:
        if name in yesNo or _YES_NO_COLUMNS.fullmatch(name):
            frame[name] = frame[name].astype(bool)
    return frame.replace("-", "")


def _folderName(volumeNode) -> str:
    """The image's name without what file systems refuse."""
    return re.sub(r"[^\w \-()]+", "_", volumeNode.GetName()).strip(" .") or "mammogram"
