"""Mammograms in Slicer's Sample Data module: a bundled real one, and a simulated one with the truth about it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.resources import resource_path

from . import dependencies
from .analysisprocess import AnalysisProcess
from .inputvolume import ijkToRas
from .mammogramloading import loadMammogram
from .nodes import addNode, fillTable, groupUnder, nothingLeftBehind, removeNode
from .results import layOver

SAMPLE_NAME = "MammogramMLO"
PHANTOM_NAME = "MammogramPhantom"
_PHANTOM_OPTIONS = (
    *("--seed", "9", "--view", "MLO", "--format", "dicom", "--clusters", "3"),
    *("--morphology", "fine-pleomorphic", "fine-linear-branching", "round", "amorphous"),
    *("--distribution", "grouped", "linear", "segmental"),
)
_PHANTOM_FILE = "phantom_0001"
_SECONDS_BETWEEN_LOOKS = 0.05
_COLORS = ((1.0, 0.75, 0.1), (0.2, 0.8, 1.0), (1.0, 0.35, 0.75), (0.75, 0.75, 0.75))


def registerSampleData() -> None:
    """Add both to the Sample Data module; called when Slicer has started."""
    import SampleData

    for name, load in ((SAMPLE_NAME, loadSample), (PHANTOM_NAME, loadPhantom)):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Microcalc",
            sampleName=name,
            thumbnailFileName=str(resource_path(f"Icons/{name}.png")),
            uris="local",  # has to be given although nothing is downloaded
            fileNames=f"{name}.dcm",
            nodeNames=name,
            customDownloader=lambda source, load=load: _shown(load),
        )


def loadSample():
    """Add the bundled mammogram (right MLO) to the scene. Its pixel spacing is not recorded; 0.07 mm is assumed."""
    return loadMammogram(resource_path("SampleData/mammogram_right_mlo.jpg"), SAMPLE_NAME)


def loadPhantom():
    """Simulate a mammogram with three clusters and add it to the scene, with the truth below it in the hierarchy.

    The truth is a segmentation, a segment for each cluster and one for the single calcifications, and a table of
    clusters with the words of their morphology and distribution.

    Returns
    -------
    vtkMRMLScalarVolumeNode
        The same pixels every time.

    Raises
    ------
    MicrocalcError
        When the packages of the analysis are not installed yet, or the simulation fails.
    """
    if dependencies.missingPackages():
        raise MicrocalcError("The simulation needs the packages of Microcalc AI; install them with its button first.")
    with tempfile.TemporaryDirectory(prefix="Microcalc-") as folder:
        _simulate(Path(folder))
        volumeNode = loadMammogram(Path(folder) / "dicom" / f"{_PHANTOM_FILE}.dcm", PHANTOM_NAME)
        _addTruth(Path(folder) / "truth" / _PHANTOM_FILE, volumeNode)
    return volumeNode


def _simulate(folder: Path) -> None:
    """Run the simulation in a child process; Slicer goes on drawing."""
    arguments = ("phantom", "--output", str(folder), *_PHANTOM_OPTIONS, "--json-progress")
    process = AnalysisProcess(["-m", "MicrocalcAILib", *arguments])
    try:
        while not any(message.get("done") == message.get("total") for message in process.messages()):
            slicer.app.processEvents()
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finally:
        process.kill()


def _addTruth(folder: Path, volumeNode) -> None:
    import pandas as pd

    from MicrocalcAILib.base.volumes import read_label_map

    labels = read_label_map(folder / "labels.nrrd")
    calcifications, clusters = (pd.read_csv(folder / f"{name}.csv") for name in ("calcifications", "clusters"))
    single = len(clusters) + 1  # clusters are numbered from 1
    segmentOf = np.zeros(labels.max() + 1, np.int16)
    segmentOf[calcifications["id"]] = calcifications["cluster_id"].replace(0, single)
    names = {row.id: f"True cluster {row.id}: {row.morphology}, {row.distribution}" for row in clusters.itertuples()}
    names[single] = _("True single calcifications")

    with nothingLeftBehind() as created:
        segmentationNode = addNode("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} truth", created)
        _fillSegmentation(segmentationNode, segmentOf[labels], names, volumeNode)
        layOver(segmentationNode, volumeNode)
        tableNode = addNode("vtkMRMLTableNode", f"{volumeNode.GetName()} true clusters", created)
        fillTable(tableNode, clusters)
    groupUnder(volumeNode, (segmentationNode, tableNode))


def _fillSegmentation(segmentationNode, segmentImage: np.ndarray, names: dict[int, str], volumeNode) -> None:
    """A segment for each value of the image but 0, outlined only: the specks stay visible."""
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.GetDisplayNode().SetOpacity2DFill(0.0)
    labelNode = slicer.util.addVolumeFromArray(
        segmentImage[np.newaxis], ijkToRas(volumeNode), nodeClassName="vtkMRMLLabelMapVolumeNode"
    )
    try:
        slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labelNode, segmentationNode)
    finally:
        removeNode(labelNode)
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    for index, value in enumerate(np.unique(segmentImage[segmentImage > 0])):
        segment = segmentationNode.GetSegmentation().GetNthSegment(index)
        segment.SetName(names[value])
        segment.SetColor(_COLORS[index % len(_COLORS)])


def _shown(load):
    """Load and show in all views; what goes wrong is said in a message, and raised."""
    with slicer.util.tryWithErrorDisplay(_("The sample was not loaded."), waitCursor=True):
        volumeNode = load()
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
        return volumeNode
