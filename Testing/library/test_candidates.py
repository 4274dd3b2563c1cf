"""Candidate specks: nothing bright is missed, whatever the pixel size, gain or bit depth."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.segmentation.candidates import find_candidates
from references.candidates import dice, with_scikit_image
from speck_images import speck_image


def _everywhere(pixels):
    return np.ones(pixels.shape, bool)


def _found(candidates, positions_mm, pixel_mm, within_mm=0.2):
    """Which of the places have a candidate's peak nearby."""
    peaks = (np.column_stack((candidates.peak_rows, candidates.peak_columns)) + 0.5) * pixel_mm
    return cKDTree(peaks).query(positions_mm)[0] <= within_mm


def test_candidates_equal_the_plain_formulas():
    pixels, _, _ = speck_image(0.07, seed=1)
    mask = np.zeros(pixels.shape, bool)
    mask[20:390, 15:400] = True
    parameters = CandidateParameters()
    ours = find_candidates(pixels, mask, (0.07, 0.07), parameters)
    theirs = with_scikit_image(pixels, mask, (0.07, 0.07), parameters)
    assert len(ours) == pytest.approx(len(theirs), rel=0.01)
    assert dice(ours, theirs) >= 0.99


@pytest.mark.parametrize("pixel_mm", [0.05, 0.07, 0.085, 0.1])
def test_clear_specks_are_found_at_every_pixel_size(pixel_mm):
    pixels, positions, _ = speck_image(pixel_mm)
    candidates = find_candidates(pixels, _everywhere(pixels), (pixel_mm, pixel_mm))
    assert _found(candidates, positions, pixel_mm).all()


def test_area_of_a_candidate_hardly_depends_on_the_pixel_size():
    areas = {}
    for pixel_mm in (0.05, 0.1):
        pixels, positions, _ = speck_image(pixel_mm, contrast=200)
        candidates = find_candidates(pixels, _everywhere(pixels), (pixel_mm, pixel_mm))
        peaks = (np.column_stack((candidates.peak_rows, candidates.peak_columns)) + 0.5) * pixel_mm
        response = candidates.responses[np.arange(len(candidates)), candidates.planes]
        nearest = [max(near, key=response.__getitem__) for near in cKDTree(peaks).query_ball_point(positions, 0.2)]
        areas[pixel_mm] = candidates.areas[nearest] * pixel_mm**2
    assert np.median(areas[0.1] / areas[0.05]) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 0), (16, 0), (1, 5000), (3.7, -900)])
def test_gain_and_offset_change_nothing(gain, offset):
    pixels, _, _ = speck_image(0.07)
    plain = find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))
    changed = find_candidates((pixels * gain + offset).astype(np.float32), _everywhere(pixels), (0.07, 0.07))
    assert dice(plain, [np.column_stack((changed.rows, changed.columns))]) >= 0.995


def test_fewer_bits_lose_no_clear_speck():
    pixels, positions, _ = speck_image(0.07)
    coarse = np.round(pixels / 4) * 4  # the noise has an SD of one grey level
    candidates = find_candidates(coarse.astype(np.float32), _everywhere(pixels), (0.07, 0.07))
    assert _found(candidates, positions, 0.07).all()


def test_unequal_row_and_column_spacing_is_one_scale():
    pixels, positions, _ = speck_image(0.07)
    assert len(find_candidates(pixels, _everywhere(pixels), (0.05, 0.098))) == len(
        find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))
    )
    assert len(positions) == 40


def test_peaks_lie_inside_the_mask_and_in_their_own_candidate():
    pixels, _, _ = speck_image(0.07)
    mask = np.zeros(pixels.shape, bool)
    mask[100:300, 50:350] = True
    candidates = find_candidates(pixels, mask, (0.07, 0.07))
    assert len(candidates) > 10
    assert mask[candidates.peak_rows, candidates.peak_columns].all()
    for index in range(len(candidates)):
        own = slice(candidates.starts[index], candidates.starts[index + 1])
        pixel = (candidates.rows[own] == candidates.peak_rows[index]) & (
            candidates.columns[own] == candidates.peak_columns[index]
        )
        assert pixel.sum() == 1


def test_candidates_come_in_reading_order():
    pixels, _, _ = speck_image(0.07)
    candidates = find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))
    order = np.lexsort((candidates.peak_columns, candidates.peak_rows))
    assert np.array_equal(order, np.arange(len(candidates)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 3), (200, 200)])
def test_blank_and_tiny_images_have_no_candidates(shape):
    pixels = np.full(shape, 100, np.float32)
    assert len(find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))) == 0
    assert len(find_candidates(pixels, np.zeros(shape, bool), (0.07, 0.07))) == 0


def test_a_single_bright_pixel_on_noise_is_a_candidate():
    pixels = np.random.default_rng(0).normal(100, 1, (200, 200)).astype(np.float32)
    pixels[90, 110] += 40
    candidates = find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))
    assert ((candidates.peak_rows == 90) & (candidates.peak_columns == 110)).any()


def test_large_bright_areas_are_no_candidates():
    row, column = np.ogrid[:400, :400]
    pixels = np.random.default_rng(0).normal(0, 1, (400, 400)).astype(np.float32)
    pixels += np.where(np.hypot(row - 200, column - 200) < 120, 300, 0).astype(np.float32)
    candidates = find_candidates(pixels, _everywhere(pixels), (0.07, 0.07))
    assert (candidates.areas * 0.07**2 <= CandidateParameters().largest_area_mm2).all()


@pytest.mark.parametrize(
    "wrong", [{"peak_threshold": 0}, {"outline_threshold": 5.0}, {"scales": 9}, {"smallest_sigma_mm": -1.0}]
)
def test_impossible_parameters_are_refused_with_their_name(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        CandidateParameters(**wrong)
