"""Pieces of a long calcification become one outline, and separate specks stay separate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from MicrocalcAILib.base.parameters import ClusterParameters
from MicrocalcAILib.segmentation.branches import join_pieces, judged_together
from MicrocalcAILib.segmentation.candidates import CandidateFinder
from MicrocalcAILib.segmentation.clusters import group

SPACING = (0.07, 0.07)
SIDE = 240


def noisy(drawn: np.ndarray) -> CandidateFinder:
    """The candidate stage of an image of noise 4 (SD) with something drawn on it."""
    noise = np.random.default_rng(0).normal(0, 4, drawn.shape)
    pixels = (500 + ndimage.gaussian_filter(drawn, 0.8) + noise).astype(np.float32)
    return CandidateFinder(pixels, np.ones(drawn.shape, np.bool_), SPACING)


def joined(labels: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """What becomes of each piece; the labels are joined in place."""
    ids = np.setdiff1d(labels, 0).astype(np.int64)
    places = [place for place in ndimage.find_objects(labels) if place is not None]
    pieces = {"id": ids}
    for axis, name in enumerate(("row", "column")):
        pieces[f"{name}_min"] = np.array([place[axis].start for place in places], np.int64)
        pieces[f"{name}_max"] = np.array([place[axis].stop - 1 for place in places], np.int64)
    return join_pieces(labels, pieces, noisy(drawn), SPACING)


def beads(columns: tuple[int, ...], radius: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Disks in one row, drawn and outlined with the labels 3, 6, 9, …"""
    row, column = np.ogrid[:SIDE, :SIDE]
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number, center in enumerate(columns, start=1):
        labels[np.hypot(row - 120, column - center) <= radius] = 3 * number
    return np.where(labels > 0, 120.0, 0.0), labels


def test_beads_on_a_bright_line_are_one_outline_that_follows_it():
    drawn, labels = beads((60, 80, 100))
    drawn[118:123, 60:100] = np.maximum(drawn[118:123, 60:100], 60)
    pieces_of = joined(labels, drawn)
    assert pieces_of.tolist() == [0, 0, 0]
    assert np.unique(labels).tolist() == [0, 3]
    assert (labels[120, 58:103] == 3).all()
    assert np.count_nonzero(labels) * SPACING[0] ** 2 < 1.5  # mm²: along the line and not beside it


def test_beads_without_a_line_stay_as_they_were():
    drawn, labels = beads((60, 80, 100))
    before = labels.copy()
    assert joined(labels, drawn).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(labels, before)


def test_a_line_is_not_followed_over_a_gap_that_is_too_long():
    drawn, labels = beads((60, 120))
    drawn[118:123, 60:120] = np.maximum(drawn[118:123, 60:120], 60)
    assert joined(labels, drawn).tolist() == [0, 1]


def test_two_specks_that_touch_stay_two():
    drawn, labels = beads((60, 66), radius=2)
    drawn[119:122, 60:66] = 120
    assert joined(labels, drawn).tolist() == [0, 1]


def test_a_speck_beside_a_line_stays_one_of_its_own():
    drawn, labels = beads((60, 80))
    drawn[118:123, 60:80] = np.maximum(drawn[118:123, 60:80], 60)
    labels[108:112, 68:72], drawn[108:112, 68:72] = 99, 120
    assert joined(labels, drawn).tolist() == [0, 0, 1]
    assert np.count_nonzero(labels == 99) == 16


@pytest.mark.parametrize("columns", [(), (60,)])
def test_nothing_and_one_speck_go_through(columns):
    drawn, labels = beads(columns)
    assert joined(labels, drawn).tolist() == list(range(len(columns)))


def test_a_calcification_is_as_likely_as_that_any_of_its_pieces_is_one():
    surest, together = judged_together(np.array([0.5, 0.9, 0.6, 1.0]), np.array([0, 1, 0, 2]))
    assert surest.tolist() == [2, 1, 3]
    assert together == pytest.approx([0.8, 0.9, 1.0])


def test_pieces_of_one_calcification_are_one_group_at_any_distance():
    positions = np.array([(0.0, 10.0 * number) for number in range(5)])
    alone = ClusterParameters(group_diameter_mm=50.0)
    assert group(positions, np.ones(5), alone).tolist() == [0] * 5
    assert group(positions, np.ones(5), alone, np.zeros(5, np.intp)).tolist() == [1] * 5
