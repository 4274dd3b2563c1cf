"""Pieces of mammograms with a simulated cluster in the middle, in many looks."""

from __future__ import annotations

import numpy as np
import pytest

from MicrocalcAILib.phantom import BreastParameters, power_law_background
from MicrocalcAILib.segmentation.candidates import find_candidates
from MicrocalcAILib.training.windows import BORDER_MM, SIDE_MM, windows_of


@pytest.fixture(scope="module")
def background():
    return power_law_background([1, 0], BreastParameters(spacing_mm=0.1, frame_mm=(150.0, 110.0)))


@pytest.fixture(scope="module")
def clouds(background):
    return list(windows_of(background, 5, [3], "amorphous"))


def test_a_window_measures_the_same_in_every_look(clouds):
    for window in clouds:
        sides_mm = np.array(window.labels.shape) * window.mammogram.spacing_mm
        assert (sides_mm < 1.25 * SIDE_MM).all()  # the pixel size on record may be off, as it is in archives
        assert window.labels.shape == window.breast.mask.shape == window.depth_mm.shape == window.mammogram.pixels.shape
    assert len({window.mammogram.spacing_mm for window in clouds}) > 1


def test_every_speck_keeps_a_place_in_coarser_pixels(background):
    for window in windows_of(background, 6, [4], "punctate"):
        there = np.unique(window.labels)
        lost = set(range(1, len(window.pieces))) - set(there.tolist())
        assert len(lost) <= 0.1 * len(window.pieces)  # only of those that share a pixel


def test_the_specks_lie_where_the_pixels_are_brighter(clouds):
    for window in clouds:
        assert window.morphology == "amorphous"
        pixels, cloud = window.mammogram.pixels, window.labels > 0
        rows, columns = np.nonzero(cloud)
        around = np.s_[max(rows.min() - 5, 0) : rows.max() + 5, max(columns.min() - 5, 0) : columns.max() + 5]
        assert pixels[cloud].mean() > pixels[around][~cloud[around]].mean()


def test_pieces_of_clouds_count_and_pieces_of_round_calcifications_do_not(background, clouds):
    for window in clouds:
        assert window.pieces[0] == 0
        assert window.pieces[1:].sum() >= len(window.pieces) - 3  # all but at most two singles
    for window in windows_of(background, 2, [5], "round"):
        assert window.pieces.sum() <= 2  # singles may be long


def test_only_candidates_with_their_whole_neighborhood_are_inner(clouds):
    for window in clouds:
        found = find_candidates(window.mammogram.pixels, window.breast.mask, window.mammogram.spacing_mm)
        inner = window.is_inner(found)
        positions_mm = found.positions_mm(window.mammogram.spacing_mm)
        assert (positions_mm[inner].min(axis=0) >= BORDER_MM).all()
        assert 0 < window.inner_area_cm2 < window.breast.area_cm2


def test_the_same_seed_gives_the_same_windows(background):
    one, again = (next(windows_of(background, 1, [9])) for _ in range(2))
    np.testing.assert_array_equal(one.mammogram.pixels, again.mammogram.pixels)
    np.testing.assert_array_equal(one.labels, again.labels)
