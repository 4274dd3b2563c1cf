"""Results inside a region of interest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcSlicerShared.geometry import ijkToRas

from .inputvolume import pixelToWorld

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.analysis import Analysis


def restrictToRegion(analysis: Analysis, volumeNode, roiNode) -> Analysis:
    """Leave out what lies outside a region, and say so in a warning record.

    The whole image is analyzed, so that noise, breast outline and groups do not depend on the region; then whole
    clusters with at least one calcification inside, and single calcifications inside, are kept. The region's extent
    through the image plane is ignored: a mammogram has no depth.
    """
    from MicrocalcAILib.analysis import SINGLES

    calcifications = analysis.calcifications
    inside = _isInside(calcifications[["row", "column"]].to_numpy(float), volumeNode, roiNode)
    cluster = calcifications["cluster_id"].to_numpy()
    isSingle = cluster == SINGLES
    keptClusters = np.unique(cluster[inside & ~isSingle])
    kept = np.where(isSingle, inside, np.isin(cluster, keptClusters))

    droppedClusters = len(analysis.clusters) - len(keptClusters)
    droppedSingles = int(np.count_nonzero(isSingle & ~kept))
    return dataclasses.replace(
        analysis,
        labels=np.where(np.isin(analysis.labels, calcifications["id"][kept]), analysis.labels, 0),
        calcifications=calcifications[kept].reset_index(drop=True),
        clusters=analysis.clusters[analysis.clusters["id"].isin(keptClusters)].reset_index(drop=True),
        warnings=(
            *analysis.warnings,
            WarningRecord(
                "region-of-interest",
                "Results outside the region of interest are left out "
                f"(clusters: {droppedClusters}, single calcifications: {droppedSingles}).",
            ),
        ),
    )


def _isInside(pixels: np.ndarray, volumeNode, roiNode) -> np.ndarray:
    if len(pixels) == 0:
        return np.zeros(0, dtype=bool)
    objectToWorld = slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix())
    throughPlane = ijkToRas(volumeNode)[:3, 2]
    axes = objectToWorld[:3, :3] / np.linalg.norm(objectToWorld[:3, :3], axis=0)
    inPlane = np.arange(3) != np.argmax(np.abs(axes.T @ throughPlane))
    world = np.array([[*pixelToWorld(volumeNode, row, column), 1.0] for row, column in pixels])
    inObject = (world @ np.linalg.inv(objectToWorld).T)[:, :3]
    return np.all(np.abs(inObject[:, inPlane]) <= np.asarray(roiNode.GetSize())[inPlane] / 2, axis=1)
