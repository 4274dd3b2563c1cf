"""Topology over 65 scales, against dilated masks and plain graph arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, shortest_path

from library.features_examples import table_of
from MicrocalcAILib.features.regions import Outlines, calcification_regions, outlines
from MicrocalcAILib.features.topology import (
    SCALE_STEP_MM,
    SCALES,
    TOPOLOGY_FEATURES,
    TOPOLOGY_MEASURES,
    meeting_scales,
    topology_features,
)


def outlines_of(labels: np.ndarray) -> Outlines:
    table = table_of(labels)
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    return outlines(calcification_regions(labels, table["id"].to_numpy(np.int64), boxes))


def dilated_overlaps(labels: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """First scale at which the masks, dilated by a digital disk, share a pixel; the definition, step by step."""
    count = int(labels.max())
    reach = int(np.ceil((SCALES - 1) * SCALE_STEP_MM / min(spacing_mm))) + 1
    padded = np.pad(labels, reach)  # dilated masks may leave the image and meet there
    scales = np.full((count, count), SCALES)
    for scale in range(SCALES - 1, -1, -1):
        radius = scale * SCALE_STEP_MM
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disk = (rows * spacing_mm[0]) ** 2 + (columns * spacing_mm[1]) ** 2 <= radius**2 + 1e-9
        # Dilation by a disk: the pixels whose disk holds a pixel of the mask.
        dilated = np.zeros((count, *padded.shape), np.bool_)
        for label in range(1, count + 1):
            for row, column in np.argwhere(padded == label):
                window = dilated[label - 1, row - reach : row + reach + 1, column - reach : column + reach + 1]
                window |= disk
        flat = dilated.reshape(count, -1).astype(np.float32)
        scales[(flat @ flat.T) > 0] = scale
    np.fill_diagonal(scales, SCALES)
    return scales


def measures_by_definition(scales: np.ndarray, scale: int) -> list[float]:
    edges = scales <= scale
    count = len(edges)
    degrees = edges.sum(axis=1)
    _, parts = connected_components(edges, directed=False)
    steps = shortest_path(edges.astype(float), unweighted=True)
    eccentricities = np.where(np.isfinite(steps), steps, 0).max(axis=1)
    clustering = []
    for node in range(count):
        around = np.flatnonzero(edges[node])
        links = edges[np.ix_(around, around)].sum() / 2
        clustering.append(2 * links / (len(around) * (len(around) - 1)) if len(around) > 1 else 0)
    return [
        parts.max() + 1,
        2 * np.triu(edges).sum() / count,
        degrees.max(),
        eccentricities.mean(),
        eccentricities.max(),
        float(np.mean(clustering)),
        np.bincount(parts).max() / count,
        (degrees == 0).mean(),
    ]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    spacing=st.sampled_from([(0.07, 0.07), (0.07, 0.07), (0.1, 0.1), (0.085, 0.085), (0.07, 0.1)]),
)
def test_meeting_scales_equal_dilation_by_disks(seed: int, spacing: tuple[float, float]) -> None:
    random = np.random.default_rng(seed)
    labels = np.zeros((70, 60), np.int32)
    for label in range(1, 6):
        while True:
            height, width = random.integers(1, 5, 2)
            row, column = random.integers(0, 70 - height), random.integers(0, 60 - width)
            window = labels[row : row + height, column : column + width]
            part = random.random((height, width)) < 0.6
            if part.any() and not window.any():
                window[part] = label
                break
    np.testing.assert_array_equal(meeting_scales(outlines_of(labels), spacing), dilated_overlaps(labels, spacing))


def test_two_pixels_meet_where_their_disks_share_a_pixel_not_at_half_their_distance() -> None:
    """Over all offsets of two pixels; half the distance, rounded up, is wrong for about every tenth."""
    wrong, offsets = 0, [(row, column) for row in range(0, 41) for column in range(0, row + 1) if row]
    labels = np.zeros((41, 41), np.int32)
    labels[0, 0] = 1
    for row, column in offsets:
        labels[row, column] = 2
        found = meeting_scales(outlines_of(labels), (0.07, 0.07))[0, 1]
        points = [
            np.argwhere(np.add.outer(np.arange(-25, 26) ** 2, np.arange(-25, 26) ** 2) <= s * s) - 25
            for s in (found - 1, found)
        ]
        shared = [bool({tuple(p) for p in disk} & {(p[0] + row, p[1] + column) for p in disk}) for disk in points]
        assert shared == [False, True]
        wrong += found != int(np.ceil(np.hypot(row, column) / 2))
        labels[row, column] = 0
    assert 0.05 < wrong / len(offsets) < 0.2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 90), scale_range=st.sampled_from([12, 66, 200]))
def test_measures_equal_their_definitions(seed: int, count: int, scale_range: int) -> None:
    random = np.random.default_rng(seed)
    drawn = random.integers(0, scale_range, (count, count))
    scales = np.minimum(np.maximum(drawn, drawn.T), SCALES).astype(np.int16)
    np.fill_diagonal(scales, SCALES)
    found = topology_features(scales).reshape(len(TOPOLOGY_MEASURES), SCALES)
    for scale in (0, 1, 5, 11, 30, 64):
        np.testing.assert_allclose(found[:, scale], measures_by_definition(scales, scale), err_msg=str(scale))


def test_a_chain_of_pixels_joins_as_computed_by_hand() -> None:
    labels = np.zeros((5, 40), np.int32)
    labels[2, [1, 5, 9, 29]] = [1, 2, 3, 4]  # gaps of 4, 4 and 20 pixels
    found = topology_features(meeting_scales(outlines_of(labels), (0.07, 0.07))).reshape(8, 65)
    assert found[:, 1] == pytest.approx([4, 0, 0, 0, 0, 0, 1 / 4, 1])  # disks of radius 1 reach 3 pixels
    assert found[:, 2] == pytest.approx([2, 1, 2, (2 + 1 + 2 + 0) / 4, 2, 0, 3 / 4, 1 / 4])
    assert found[:, 4] == pytest.approx([2, 6 / 4, 2, 3 / 4, 1, 3 / 4, 3 / 4, 1 / 4])
    assert found[:, 10] == pytest.approx([1, 2 * 4 / 4, 3, (2 + 2 + 1 + 2) / 4, 2, (1 + 1 + 1 / 3) / 4, 1, 0])


def test_one_calcification_is_isolated_at_every_scale() -> None:
    found = topology_features(np.full((1, 1), SCALES, np.int16)).reshape(8, 65)
    np.testing.assert_array_equal(found, np.tile([[1], [0], [0], [0], [0], [0], [1], [1]], 65))


def test_scales_mean_the_same_distance_on_every_detector() -> None:
    """Two specks 3 mm apart meet at the same scale, within one step, for 0.05 to 0.1 mm pixels."""
    found = []
    for pixel_mm in (0.05, 0.07, 0.085, 0.1):
        labels = np.zeros((5, 90), np.int32)
        labels[2, 2], labels[2, 2 + round(3 / pixel_mm)] = 1, 2
        found.append(meeting_scales(outlines_of(labels), (pixel_mm, pixel_mm))[0, 1])
    assert max(found) - min(found) <= 1


def test_outlines_hold_every_pixel_that_could_be_nearest() -> None:
    random = np.random.default_rng(3)
    labels, _ = ndimage.label(ndimage.gaussian_filter(random.normal(size=(80, 80)), 2) > 0.25)
    labels = labels.astype(np.int32)
    outline = outlines_of(labels)
    for index in range(len(outline)):
        part = slice(outline.starts[index], outline.starts[index + 1])
        own = labels == index + 1
        expected = own & ~ndimage.binary_erosion(own)
        assert {*zip(outline.rows[part], outline.columns[part], strict=True)} == {*map(tuple, np.argwhere(expected))}


def test_names_follow_measures_and_scales() -> None:
    assert len(TOPOLOGY_FEATURES) == len(set(TOPOLOGY_FEATURES)) == 520
    assert TOPOLOGY_FEATURES[0] == "topology_subgraphs_00"
    assert TOPOLOGY_FEATURES[-1] == "topology_isolated_share_64"
