"""Results restricted to a region of interest."""

import dataclasses

import numpy as np
import pytest

from MicrocalcAISlicer import inputvolume
from MicrocalcAISlicer.region import restrictToRegion


def roi_around(slicer, volume, row, column, size_mm):
    """A region in the image plane, given in pixels, of that many mm along columns, rows and depth."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    node.SetCenterWorld(*inputvolume.pixelToWorld(volume, row, column))
    node.SetSize(*size_mm)
    return node


def test_only_results_inside_are_kept(slicer, volume, analysis):
    kept = restrictToRegion(analysis, volume, roi_around(slicer, volume, 44, 61.5, (1.0, 1.5, 10.0)))
    assert list(kept.clusters["name"]) == ["Cluster 2"]
    assert list(kept.calcifications["id"]) == [3, 4, 5]
    np.testing.assert_array_equal(kept.labels > 0, np.isin(analysis.labels, [3, 4, 5]))


def test_cluster_that_reaches_into_the_region_is_kept_whole(slicer, volume, analysis):
    at_calcification_5 = analysis.calcifications.iloc[4]
    region = roi_around(slicer, volume, at_calcification_5["row"], at_calcification_5["column"], (0.1, 0.1, 1.0))
    kept = restrictToRegion(analysis, volume, region)
    assert list(kept.calcifications["id"]) == [3, 4, 5]
    assert list(kept.clusters["count"]) == [3]


def test_single_calcification_inside_is_kept(slicer, volume, analysis):
    kept = restrictToRegion(analysis, volume, roi_around(slicer, volume, 30, 2, (0.2, 0.2, 1.0)))
    assert list(kept.calcifications["id"]) == [6]
    assert len(kept.clusters) == 0


def test_what_is_left_out_is_said(slicer, volume, analysis):
    kept = restrictToRegion(analysis, volume, roi_around(slicer, volume, 44, 61.5, (1.0, 1.5, 1.0)))
    assert kept.warnings[:-1] == analysis.warnings
    assert kept.warnings[-1].code == "region-of-interest"
    assert "(clusters: 1, single calcifications: 1)" in kept.warnings[-1].message


def test_depth_of_the_region_does_not_matter(slicer, volume, analysis):
    region = roi_around(slicer, volume, 44, 61.5, (1.0, 1.5, 0.01))
    center = region.GetCenterWorld()
    region.SetCenterWorld(center[0], center[1], center[2] + 300.0)
    assert list(restrictToRegion(analysis, volume, region).calcifications["id"]) == [3, 4, 5]


def test_region_that_is_turned_in_the_image_plane_is_followed(slicer, volume, analysis):
    """A thin bar over both clusters' columns, turned onto the line that joins cluster 1 and cluster 2."""
    first, second = (inputvolume.pixelToWorld(volume, *position) for position in ((8.0, 13.0), (44.0, 61.5)))
    along = (second - first) / np.linalg.norm(second - first)
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack((along, np.cross([0, 0, 1], along), [0, 0, 1]))
    matrix[:3, 3] = (first + second) / 2
    region = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    region.SetSize(2 * np.linalg.norm(second - first), 0.2, 1.0)
    region.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
    kept = restrictToRegion(analysis, volume, region)
    assert list(kept.clusters["id"]) == [1, 2]
    assert 6 not in set(kept.calcifications["id"])


@pytest.mark.parametrize("moved", ["image", "region"])
def test_parent_transforms_of_image_and_region_count(slicer, volume, analysis, moved):
    region = roi_around(slicer, volume, 44, 61.5, (1.0, 1.5, 1.0))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (50.0, 0.0, 0.0)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    (volume if moved == "image" else region).SetAndObserveTransformNodeID(transform.GetID())
    assert len(restrictToRegion(analysis, volume, region).calcifications) == 0


def test_image_without_calcifications_stays_empty(slicer, volume, analysis):
    empty = dataclasses.replace(
        analysis,
        labels=np.zeros_like(analysis.labels),
        calcifications=analysis.calcifications[:0],
        clusters=analysis.clusters[:0],
    )
    assert len(restrictToRegion(empty, volume, roi_around(slicer, volume, 1, 1, (1, 1, 1))).calcifications) == 0
