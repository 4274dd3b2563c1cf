"""Every test of this folder gets an empty MRML scene."""

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.errors import WarningRecord
from stand_ins import application

_slicer = application.start()

SHAPE = (60, 80)
SPACING_MM = 0.07


@pytest.fixture
def slicer():
    """``slicer`` with an empty scene."""
    _slicer.mrmlScene.Clear(0)
    yield _slicer
    _slicer.mrmlScene.Clear(0)


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
        rows.append({"id": label, "cluster_id": cluster_of[label], "row": row, "column": column})
    calcifications = pd.DataFrame(rows).assign(probability=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], in_pectoral_muscle=False)
    clusters = pd.DataFrame(
        {
            "id": [1, 2],
            "name": ["Cluster 1", "Cluster 2"],
            "count": [2, 3],
            "row": [8.0, 44.0],
            "column": [13.0, 61.5],
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
