"""Measuring, selecting, outlining and grouping candidates."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from MicrocalcAILib.base.errors import ModelError
from MicrocalcAILib.base.parameters import ClusterParameters
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.segmentation.candidates import Candidates, find_candidates
from MicrocalcAILib.segmentation.clusters import group
from MicrocalcAILib.segmentation.measurements import MEASUREMENTS, measure
from MicrocalcAILib.segmentation.outlines import outline
from MicrocalcAILib.segmentation.selection import MeasurementSelector, with_neighborhood, without_overlaps
from speck_images import speck_image

SPACING = (0.07, 0.07)
SELECTOR = "Models/SpeckSelector"


def _candidates(*pixel_lists, responses=None):
    """Candidates made of the given (row, column) lists."""
    areas = [len(pixels) for pixels in pixel_lists]
    everything = np.array([pixel for pixels in pixel_lists for pixel in pixels], np.int32).reshape(-1, 2)
    first = np.array([pixels[0] for pixels in pixel_lists], np.int32).reshape(-1, 2)
    count = len(pixel_lists)
    return Candidates(
        everything[:, 0],
        everything[:, 1],
        np.concatenate(([0], np.cumsum(areas))).astype(np.int64),
        first[:, 0],
        first[:, 1],
        np.zeros(count, np.int32),
        np.ones((count, 4), np.float32) if responses is None else responses,
        np.ones(count, np.float32),
    )


def _disk(center, radius):
    row, column = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return [
        (int(r) + center[0] - radius, int(c) + center[1] - radius)
        for r, c in np.argwhere(np.hypot(row, column) <= radius)
    ]


@pytest.fixture(scope="module")
def specks():
    pixels, positions, _ = speck_image(0.07)
    candidates = find_candidates(pixels, np.ones(pixels.shape, bool), SPACING)
    table = measure(candidates, pixels, SPACING, np.full(len(candidates), 10, np.float32))
    return pixels, positions, candidates, table


def test_every_measurement_is_finite_and_documented(specks):
    *_, table = specks
    assert list(table.columns) == list(MEASUREMENTS)
    assert np.isfinite(table.to_numpy()).all()


def test_measurements_do_not_depend_on_gain_and_offset(specks):
    pixels, _, candidates, table = specks
    changed_pixels = (pixels * 8 + 300).astype(np.float32)
    changed = find_candidates(changed_pixels, np.ones(pixels.shape, bool), SPACING)
    again = measure(changed, changed_pixels, SPACING, np.full(len(changed), 10, np.float32))
    assert len(changed) == len(candidates)
    same = np.isclose(again, table, rtol=0.02, atol=0.02).all(axis=1)
    assert same.mean() > 0.99  # rounding may move a single pixel in or out of a candidate


def test_contrast_to_noise_of_a_disk_on_noise_is_what_was_drawn():
    pixels = np.random.default_rng(1).normal(100, 5, (200, 200)).astype(np.float32)
    disk = _disk((100, 100), 4)
    for r, c in disk:
        pixels[r, c] += 50
    table = measure(_candidates(disk), pixels, SPACING, np.array([10], np.float32))
    assert table["contrast_to_noise"][0] == pytest.approx(10, rel=0.15)
    assert table["elongation"][0] == pytest.approx(1, abs=0.05)
    assert table["diameter_mm"][0] == pytest.approx(2 * np.sqrt(len(disk) * 0.0049 / np.pi))


def test_a_speck_on_a_line_has_a_line_response_and_one_on_noise_has_not():
    pixels = np.random.default_rng(1).normal(100, 1, (200, 200)).astype(np.float32)
    pixels[98:102] += 40
    on_line, alone = _disk((100, 100), 2), _disk((40, 40), 2)
    for r, c in alone:
        pixels[r, c] += 40
    table = measure(_candidates(on_line, alone), pixels, SPACING, np.array([10, 10], np.float32))
    assert table["line_through"][0] > 0.5 > abs(table["line_through"][1])


def test_one_pixel_and_border_candidates_are_measured():
    pixels = np.random.default_rng(1).normal(100, 1, (30, 30)).astype(np.float32)
    table = measure(_candidates([(0, 0)], [(29, 29)], [(15, 0)]), pixels, SPACING, np.zeros(3, np.float32))
    assert np.isfinite(table.to_numpy()).all()
    tiny = measure(_candidates([(0, 0)]), np.ones((1, 1), np.float32), SPACING, np.zeros(1, np.float32))
    assert np.isfinite(tiny.to_numpy()).all()


def test_overlapping_candidates_leave_the_most_probable_one():
    candidates = _candidates(_disk((20, 20), 4), _disk((22, 20), 2), _disk((60, 60), 3))
    chosen = without_overlaps(candidates, np.array([0.4, 0.9, 0.2]), (100, 100))
    assert chosen.tolist() == [1, 2]


def test_candidates_without_probability_are_not_chosen():
    candidates = _candidates(_disk((20, 20), 4), _disk((60, 60), 3))
    assert without_overlaps(candidates, np.array([0.0, 0.1]), (100, 100)).tolist() == [1]


def test_neighborhood_counts_what_is_expected_around_but_not_the_speck_itself():
    positions = np.array([[0.0, 0.0], [0.1, 0.0], [2.0, 0.0], [5.0, 0.0], [50.0, 0.0]])
    probabilities = np.array([0.5, 0.4, 0.3, 0.2, 0.9])
    table = with_neighborhood(np.zeros((5, 1)), probabilities, positions)
    assert table[0, 1:] == pytest.approx([0.5, 0.3, 0.5, 0.5])
    assert table[4, 1:] == pytest.approx([0.9, 0, 0, 0])


def test_clear_specks_are_more_probable_than_noise(specks):
    _, positions, candidates, table = specks
    probabilities = MeasurementSelector.load(resource_path(SELECTOR)).probabilities(
        table, candidates.positions_mm(SPACING)
    )
    places = (np.column_stack((candidates.peak_rows, candidates.peak_columns)) + 0.5) * 0.07
    near = np.hypot(*(places[:, None] - positions[None]).transpose(2, 0, 1)).min(axis=1) < 0.2
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert np.median(probabilities[near]) > 10 * np.median(probabilities[~near])


def test_more_false_marks_mean_a_lower_threshold():
    selector = MeasurementSelector.load(resource_path(SELECTOR))
    thresholds = [selector.threshold(rate) for rate in (0.02, 0.05, 0.1, 0.5, 1.0)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_no_candidates_have_no_probabilities():
    selector = MeasurementSelector.load(resource_path(SELECTOR))
    pixels = np.ones((10, 10), np.float32)
    table = measure(_candidates(), pixels, SPACING, np.empty(0, np.float32))
    assert selector.probabilities(table, np.empty((0, 2))).shape == (0,)


def test_an_altered_or_incomplete_selector_is_refused(tmp_path):
    folder = tmp_path / "selector"
    shutil.copytree(resource_path(SELECTOR), folder)
    (folder / "speck.txt").write_bytes((folder / "speck.txt").read_bytes() + b" ")
    with pytest.raises(ModelError, match="SHA-256"):
        MeasurementSelector.load(folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | {"schema": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="another version"):
        MeasurementSelector.load(folder)
    (folder / "card.json").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        MeasurementSelector.load(folder)


def test_outline_of_a_blurred_disk_has_the_size_of_the_disk():
    pixels = np.random.default_rng(1).normal(0, 0.5, (100, 100)).astype(np.float32)
    drawn = np.zeros((100, 100))
    for r, c in _disk((50, 50), 4):
        drawn[r, c] = 50
    pixels += ndimage.gaussian_filter(drawn, 1.0).astype(np.float32)
    labels = outline(_candidates(_disk((50, 50), 3)), np.array([0]), pixels, SPACING)
    union = (labels > 0) | (drawn > 0)
    assert ((labels > 0) & (drawn > 0)).sum() / union.sum() > 0.8
    assert set(np.unique(labels)) == {0, 1}


def test_outlines_have_no_holes_and_keep_their_ids_apart():
    pixels = np.zeros((60, 60), np.float32)
    ring = set(_disk((30, 20), 6)) - set(_disk((30, 20), 2))
    for r, c in ring:
        pixels[r, c] = 10
    other = _disk((30, 28), 2)
    for r, c in other:
        pixels[r, c] = 12
    labels = outline(_candidates(sorted(ring), other), np.array([0, 1]), pixels, SPACING)
    assert labels[30, 20] == 1
    assert labels[30, 29] == 2
    assert ndimage.label(labels == 1)[1] == 1


def test_a_flat_speck_keeps_at_least_one_pixel():
    labels = outline(_candidates([(5, 5)]), np.array([0]), np.ones((11, 11), np.float32), SPACING)
    assert labels[5, 5] == 1


def _brute_force_groups(positions, parameters):
    """Sets of indices that form clusters, by the definition."""
    count = len(positions)
    distance = np.hypot(*(positions[:, None] - positions[None]).transpose(2, 0, 1))
    linked = distance <= parameters.linking_distance_mm
    sets, left = [], set(range(count))
    while left:
        members = {left.pop()}
        while grown := {j for i in members for j in left if linked[i, j]}:
            members |= grown
            left -= grown
        close = [sum(distance[i, j] <= parameters.group_diameter_mm for j in members) for i in members]
        if max(close) >= parameters.minimum_count:
            sets.append(frozenset(members))
    return set(sets)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(0, 40)), max_size=25),
    st.floats(0.5, 15),
    st.integers(2, 6),
    st.floats(0.5, 15),
)
def test_groups_are_those_of_the_definition(places, linking, minimum, diameter):
    positions = np.array(places, float).reshape(-1, 2)
    parameters = ClusterParameters(linking, minimum, diameter)
    numbers = group(positions, np.ones(len(positions)), parameters)
    ours = {frozenset(np.flatnonzero(numbers == number).tolist()) for number in range(1, numbers.max(initial=0) + 1)}
    assert ours == _brute_force_groups(positions, parameters)


def test_clusters_are_numbered_by_expected_calcifications():
    small, large = np.random.default_rng(0).uniform(0, 4, (5, 2)), np.random.default_rng(1).uniform(50, 54, (9, 2))
    numbers = group(np.concatenate((small, large)), np.full(14, 0.5), ClusterParameters())
    assert numbers.tolist() == [2] * 5 + [1] * 9
