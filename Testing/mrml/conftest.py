"""Every test of this folder gets an empty MRML scene."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.base.errors import WarningRecord
from own_profiles import no_profiles_of_the_user  # noqa: F401
from quick_studies import few_repeats  # noqa: F401
from stand_ins import application

_slicer = application.start()

from MicrocalcAISlicer import kernelpreparation  # noqa: E402, it needs Slicer

SHAPE = (60, 80)
SPACING_MM = 0.07
_NOTICE = "Trained on simulated clusters only."


@pytest.fixture
def slicer():
    """``slicer`` with an empty scene and without views."""
    _slicer.mrmlScene.Clear(0)
    _slicer.mrmlScene.SetSaveToXMLString(0)  # a test may have saved into a string, or loaded from one
    _slicer.mrmlScene.SetLoadFromXMLString(0)
    yield _slicer
    _slicer.mrmlScene.Clear(0)
    for className in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"):  # singletons outlive the scene
        for node in _slicer.util.getNodesByClass(className):
            _slicer.mrmlScene.RemoveNode(node)


@pytest.fixture(autouse=True)
def compiled_kernels(monkeypatch):
    """No panel compiles calculations in the background."""
    monkeypatch.setattr(kernelpreparation, "are_compiled", lambda: True)


@pytest.fixture
def make_volume(slicer):
    """Add a mammogram to the scene; upright in the axial view unless a matrix is given."""

    def make(name="Right MLO", dtype=np.uint16, ijk_to_ras=None, shape=SHAPE):
        pixels = np.random.default_rng(0).integers(0, 100, (1, *shape)).astype(dtype)
        matrix = np.diag([-SPACING_MM, -SPACING_MM, 1.0, 1.0]) if ijk_to_ras is None else ijk_to_ras
        return slicer.util.addVolumeFromArray(pixels, matrix, name)

    return make


@pytest.fixture
def volume(make_volume):
    return make_volume()


@pytest.fixture
def make_view(slicer):
    """Add a slice view; gives its slice node and its composite node."""

    def make(name="Red", volume=None):
        sliceNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        sliceNode.SetLayoutName(name)
        composite.SetLayoutName(name)
        if volume is not None:
            composite.SetBackgroundVolumeID(volume.GetID())
        return sliceNode, composite

    return make


@pytest.fixture
def reopened(slicer, tmp_path):
    """Save the scene as Slicer's bundle does, close it, and open it again, in an application started anew if told."""

    def reopen(restart=lambda: None):
        folder = tmp_path / f"bundle{len(list(tmp_path.glob('bundle*')))}"
        folder.mkdir()
        assert slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(str(folder), None)
        slicer.mrmlScene.Clear(0)
        restart()
        (file,) = folder.rglob("*.mrml")
        slicer.mrmlScene.SetURL(str(file))
        assert slicer.mrmlScene.Import()

    return reopen


@pytest.fixture
def panel(slicer, monkeypatch):
    """The panel as Slicer builds it, in a scene that the test fills; analyses wait for the test to finish them."""
    application.startWithWidgets()
    from slicer import mrmlwidgets

    import MicrocalcAI
    from MicrocalcAISlicer import analyzesection
    from MicrocalcSlicerShared import dependencies
    from mrml.panel_runs import WaitingLogic

    monkeypatch.setattr(MicrocalcAI, "MicrocalcAILogic", WaitingLogic)
    monkeypatch.setattr(dependencies, "missingPackages", list)
    monkeypatch.setattr(dependencies, "missingNetworkPackages", list)
    monkeypatch.setattr(analyzesection, "hasNetwork", lambda name: True)
    monkeypatch.setattr(analyzesection, "hasTorchvision", lambda: True)
    panel = MicrocalcAI.MicrocalcAIWidget()
    panel.setup()
    yield panel
    panel.cleanup()
    panel.parent.findChild(mrmlwidgets.qMRMLWidget).setMRMLScene(None)


@pytest.fixture
def analysis():
    """Two clusters (calcifications 1 and 2; 3, 4 and 5) and a single calcification (6, one pixel), on ``SHAPE``."""
    labels = np.zeros(SHAPE, np.int32)
    boxes = {1: (5, 8, 10, 12), 2: (9, 11, 14, 17), 3: (40, 42, 60, 62), 4: (43, 46, 63, 64), 5: (47, 49, 60, 63)}
    boxes[6] = (30, 31, 2, 3)
    cluster_of = {1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 0}
    rows = []
    for label, (top, bottom, left, right) in boxes.items():
        labels[top:bottom, left:right] = label
        row, column = (top + bottom - 1) / 2, (left + right - 1) / 2
        place = {"row_min": top, "row_max": bottom - 1, "column_min": left, "column_max": right - 1}
        area_mm2 = (bottom - top) * (right - left) * SPACING_MM**2
        size = {"area_mm2": area_mm2, "diameter_mm": 2 * (area_mm2 / np.pi) ** 0.5}
        rows.append({"id": label, "cluster_id": cluster_of[label], "row": row, "column": column, **place, **size})
    calcifications = pd.DataFrame(rows).assign(probability=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], in_pectoral_muscle=False)
    clusters = pd.DataFrame(
        {
            "id": [1, 2],
            "name": ["Cluster 1", "Cluster 2"],
            "count": [2, 3],
            "row": [8.0, 44.0],
            "column": [13.0, 61.5],
            "row_min": [5, 40],
            "row_max": [10, 48],
            "column_min": [10, 60],
            "column_max": [16, 63],
            "extent_mm": [0.5, 0.6],
            "mean_probability": [0.85, 0.6],
        }
    )
    return Analysis(
        labels=labels,
        calcifications=calcifications,
        clusters=clusters,
        spacing_mm=(SPACING_MM, SPACING_MM),
        breast_area_cm2=100.0,
        warnings=(WarningRecord("view-unknown", 'The view is “unknown”; "MLO" is assumed.'),),
        provenance={"versions": {"microcalc": "0.1.0"}},
    )


@pytest.fixture
def described(analysis):
    """The analysis with words, evidence and estimates."""
    suggested = {
        1: {"morphology": {"amorphous": 0.7, "punctate": 0.3}, "distribution": {"grouped": 0.9, "linear": 0.1}},
        2: {"morphology": {"vascular": 0.7, "fine linear": 0.3}, "distribution": {"linear": 1.0}},
    }
    words = []
    for cluster, kinds in suggested.items():
        record = {"cluster_id": cluster, "evidence": [f"{cluster + 1} specks <0.5 mm."]}
        for kind, probabilities in kinds.items():
            word = next(iter(probabilities))
            record[kind] = {"word": word, "code": None, "suggested": probabilities, "override": None}
            record[kind]["predictive_values"] = [f"21 %, cohort of {word}"]
        words.append(record)
    clusters = analysis.clusters.assign(
        morphology=["amorphous", "vascular"],
        morphology_probability=[0.7, 0.7],
        distribution=["grouped", "linear"],
        distribution_probability=[0.9, 1.0],
        lexicon_category=["4B", "2?"],
        evidence="",
        descriptor_risk=[0.33, 0.13],
        descriptor_risk_low=[0.26, 0.10],
        descriptor_risk_high=[0.40, 0.17],
        probability_malignant=[0.57, 0.28],
        probability_malignant_low=[0.53, 0.21],
        probability_malignant_high=[0.64, 0.35],
        positive_youden=[True, False],
        malignancy_reasons="shape +0.49",
        malignancy_notice=_NOTICE,
    )
    return dataclasses.replace(analysis, clusters=clusters, words=tuple(words))
