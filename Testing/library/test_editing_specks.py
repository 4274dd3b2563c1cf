"""Specks that a reader points at are outlined and judged as the analysis does it."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from editing_scene import editing_scene
from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.editing.areas import Area
from MicrocalcAILib.editing.borders import border_lines
from MicrocalcAILib.editing.specks import SpeckFinder
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.segmentation.candidates import CandidateFinder
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from real_data import film
from references.areas import painted_area
from speck_images import speck_image

SPACING = (0.07, 0.07)


@pytest.fixture(scope="module")
def scene():
    return editing_scene()


def _pixels(speck):
    return set(zip(speck.rows.tolist(), speck.columns.tolist(), strict=True))


def _labeled(labels, identifier):
    return set(zip(*(part.tolist() for part in np.nonzero(labels == identifier)), strict=True))


def _assert_local_equals_everywhere(pixels, mask, spacing_mm, places):
    finder = CandidateFinder(pixels, mask, spacing_mm)
    everywhere = finder.everywhere()
    for row, column in places(everywhere):
        box = (row - 4, row + 5, column - 4, column + 5)
        expected = everywhere.take(everywhere.have_pixel_in(box))
        found = finder.near(box)
        for name, values in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), values)


def _around_peaks(count, seed=0):
    def places(candidates):
        rng = np.random.default_rng(seed)
        for index in rng.choice(len(candidates), count, replace=False):
            jitter = rng.integers(-15, 16, 2)
            yield int(candidates.peak_rows[index] + jitter[0]), int(candidates.peak_columns[index] + jitter[1])

    return places


def test_candidates_near_a_place_are_those_of_the_whole_image_on_a_real_mammogram():
    mammogram = film()
    mask = find_breast(mammogram).mask
    _assert_local_equals_everywhere(mammogram.pixels, mask, mammogram.spacing_mm, _around_peaks(150))


@pytest.mark.parametrize("pixel_mm", [0.05, 0.1])
def test_candidates_near_a_place_are_those_of_the_whole_image_on_simulated_specks(pixel_mm):
    pixels, _, _ = speck_image(pixel_mm)
    mask = np.zeros(pixels.shape, bool)
    mask[10:-15, 20:-5] = True
    _assert_local_equals_everywhere(pixels, mask, (pixel_mm, pixel_mm), _around_peaks(12))


def test_a_candidate_larger_than_the_first_window_is_complete():
    row, column = np.ogrid[:500, :500]
    pixels = np.random.default_rng(0).normal(100, 1, (500, 500)).astype(np.float32)
    pixels += (40 * np.exp(-(((row - 250) / 3.0) ** 2)) * (np.abs(column - 250) < 110)).astype(np.float32)
    finder = CandidateFinder(pixels, np.ones(pixels.shape, bool), SPACING)
    found = finder.near((248, 253, 160, 165))
    everywhere = finder.everywhere()
    expected = everywhere.take(everywhere.have_pixel_in((248, 253, 160, 165)))
    assert np.ptp(expected.columns) > 150
    np.testing.assert_array_equal(found.columns, expected.columns)


def test_places_outside_the_mask_have_no_candidates_nearby():
    pixels, _, _ = speck_image(0.07)
    mask = np.zeros(pixels.shape, bool)
    mask[:100, :100] = True
    finder = CandidateFinder(pixels, mask, SPACING)
    assert len(finder.near((300, 310, 300, 310))) == 0
    assert len(CandidateFinder(pixels, np.zeros(pixels.shape, bool), SPACING).near((0, 10, 0, 10))) == 0


def test_responses_of_a_box_are_those_of_the_candidates():
    pixels, _, _ = speck_image(0.07)
    finder = CandidateFinder(pixels, np.ones(pixels.shape, bool), SPACING)
    candidates = finder.everywhere()
    for index in (0, len(candidates) // 2, len(candidates) - 1):
        row, column = int(candidates.peak_rows[index]), int(candidates.peak_columns[index])
        responses, noise = finder.responses((row - 1, row + 2, column - 1, column + 2))
        np.testing.assert_allclose(responses[:, 1, 1], candidates.responses[index], rtol=1e-5)
        assert noise[1, 1] == pytest.approx(candidates.noise[index], rel=1e-5)


def test_clicking_on_a_calcification_gives_the_outline_and_the_probability_of_the_analysis(scene):
    table = scene.analysis.calcifications
    assert len(table) > 20
    for row in table.itertuples():
        speck, reason = scene.finder.speck_at(row.row, row.column)
        assert reason == ""
        assert _pixels(speck) == _labeled(scene.analysis.labels, row.id)
        assert speck.probability == pytest.approx(row.probability)
        assert speck.contrast_to_noise == pytest.approx(row.contrast_to_noise)


def test_a_click_beside_a_speck_snaps_to_it_but_not_to_one_far_away(scene):
    row = scene.analysis.calcifications.sort_values("probability").iloc[-1]
    expected = _labeled(scene.analysis.labels, row["id"])
    beside, _ = scene.finder.speck_at(row["row"], row["column_max"] + 2)
    assert _pixels(beside) == expected
    nothing, reason = scene.finder.speck_at(row["row"], row["column_max"] + 10, lowest_contrast=25.0)
    assert nothing is None
    assert "25 times the noise" in reason


def test_a_click_says_why_there_is_no_speck(scene):
    labels, row = scene.analysis.labels, scene.analysis.calcifications.iloc[0]
    search = scene.finder.speck_at
    assert search(row["row"], row["column"], marked=labels) == (None, "This speck is marked already.")
    assert search(-1, 40) == (None, "This place lies outside the image.")
    assert search(0, labels.shape[1]) == (None, "This place lies outside the image.")
    assert search(5, 630) == (None, "This place lies outside the breast.")


def test_specks_fainter_than_every_candidate_are_found_when_asked_for(scene):
    finder = scene.finder
    faint = None
    for column in range(100, 400, 9):
        if faint is None and finder.speck_at(420, column, lowest_contrast=2.5).speck is None:
            faint = finder.speck_at(420, column, lowest_contrast=1.5).speck
    assert faint is not None
    assert 1.5 <= faint.response < CandidateParameters().peak_threshold
    assert 0 <= faint.probability <= 1
    assert len(faint.rows) >= 1


def test_specks_above_the_threshold_of_the_analysis_are_its_calcifications_and_the_others_lie_in_sure_groups(scene):
    provenance, labels = scene.analysis.provenance, scene.analysis.labels
    sure = scene.finder.specks_in(lowest_probability=provenance["probability_threshold"])
    assert sure
    for speck in sure:
        assert (labels[speck.rows, speck.columns] > 0).all()
    faintest = provenance["parameters"]["selection"]["crowd_threshold"]
    every = scene.finder.specks_in(lowest_probability=faintest)
    found = set(np.concatenate([labels[speck.rows, speck.columns] for speck in every]).tolist())
    assert found - {0} == set(scene.analysis.calcifications["id"])
    table = scene.analysis.calcifications
    faint = table[table["probability"] < provenance["probability_threshold"]]
    assert (faint["cluster_id"] > 0).all()


def test_specks_of_an_area_have_their_peak_in_it_and_respect_both_thresholds(scene):
    area = _area([(170, 60), (170, 150), (330, 150), (330, 60)])
    everything = scene.finder.specks_in(area)
    likely = scene.finder.specks_in(area, lowest_probability=0.3, lowest_contrast=5.0)
    assert len(everything) > len(likely) > 0
    assert all(area.holds(*speck.peak) for speck in everything)
    assert all(speck.probability >= 0.3 and speck.response >= 5.0 for speck in likely)
    inside = {speck.peak for speck in likely}
    elsewhere = scene.finder.specks_in(None, lowest_probability=0.3, lowest_contrast=5.0)
    assert {speck.peak for speck in elsewhere if area.holds(*speck.peak)} == inside


def test_specks_that_are_marked_already_are_not_offered_again(scene):
    labels = scene.analysis.labels
    offered = scene.finder.specks_in(marked=labels, lowest_probability=0.2)
    assert len(offered) < len(scene.finder.specks_in(lowest_probability=0.2))
    assert not any(labels[speck.rows, speck.columns].any() for speck in offered)


def test_outlines_of_the_analysis_are_measured_as_in_the_analysis(scene):
    table = scene.analysis.calcifications
    measured = scene.finder.measure_outlines(scene.analysis.labels, table)
    for name in ("contrast_to_noise", "response", "edge_distance_mm", "probability"):
        np.testing.assert_allclose(measured[name], table[name], rtol=1e-6)


def test_an_outline_that_a_reader_drew_is_measured_as_it_is(scene):
    row = scene.analysis.calcifications.sort_values("probability").iloc[-1]
    labels = np.where(scene.analysis.labels == row["id"], np.int32(1), np.int32(0))
    top, left = int(row["row_min"]) - 3, int(row["column_min"]) - 3
    labels[top : top + 2, left : left + 2] = 2
    boxes = [{"id": 1, **{name: row[name] for name in ("row_min", "row_max", "column_min", "column_max")}}]
    boxes.append({"id": 2, "row_min": top, "row_max": top + 1, "column_min": left, "column_max": left + 1})
    measured = scene.finder.measure_outlines(labels, pd.DataFrame(boxes))
    assert np.isfinite(measured.to_numpy()).all()
    assert measured["diameter_mm"][1] == pytest.approx(2 * np.sqrt(4 * 0.0049 / np.pi))
    assert measured["probability"][1] < measured["probability"][0]


def _area(path, spacing_mm=SPACING, width_mm=0.0):
    return Area(np.array(path, float).reshape(-1, 2), spacing_mm, width_mm)


def test_a_loop_takes_its_inside_and_a_stroke_what_it_passes():
    loop = _area([(10, 10), (10, 40), (30, 40), (30, 10)])
    assert loop.holds([20, 5], [25, 25]).tolist() == [True, False]
    stroke = _area([(10, 10), (10, 40)], width_mm=0.21)
    assert stroke.holds([10, 13, 14], [20, 20, 20]).tolist() == [True, True, False]
    point = _area([(10.4, 10.4)], (0.07, 0.14), width_mm=0.14)
    assert point.holds([12, 10, 10], [10, 11, 12]).tolist() == [True, True, False]
    assert loop.holds(20, 25).item() is True


def test_areas_may_leave_the_image_and_an_area_without_a_path_is_empty():
    area = _area([(-20, -20), (-20, 20), (20, 20), (20, -20)], width_mm=0.5)
    assert area.holds([5, 300], [5, 5]).tolist() == [True, False]
    assert not _area([]).holds([5, -3], [5, 5]).any()
    assert area.holds([], []).shape == (0,)


@pytest.mark.parametrize("points", [1, 2, 3, 64, 65, 700])
def test_an_area_holds_what_painting_it_would_cover(points):
    """Only pixels at the border of the stroke, where painting rounds the path to pixels, may differ."""
    shape, spacing, width = (300, 260), (0.07, 0.1), 0.4
    rng = np.random.default_rng(points)
    angles = np.sort(rng.uniform(0, 2 * np.pi, points))
    radius = 90 + np.cumsum(rng.normal(0, 3, points))
    path = np.column_stack((150 + radius * np.sin(angles), 130 + radius * np.cos(angles)))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    held = _area(path, spacing, width).holds(rows, columns)
    painted = painted_area(path, shape, spacing, width)
    surely = ndimage.binary_erosion(painted, np.ones((3, 3)), border_value=1)
    maybe = ndimage.binary_dilation(painted, np.ones((3, 3)))
    assert held[surely].all()
    assert not held[~maybe].any()


def test_asking_an_area_for_a_few_places_takes_no_picture_of_it():
    angles = np.linspace(0, 2 * np.pi, 1000)
    area = _area(20000 + 19000 * np.column_stack((np.sin(angles), np.cos(angles))), width_mm=0.5)
    tracemalloc.start()
    held = area.holds(np.full(3000, 20000), np.arange(3000))
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held.argmax() == pytest.approx(1000 - 7, abs=2)
    assert largest < 5e6


def test_outlines_are_those_of_the_whole_image_wherever_a_reader_draws(scene):
    everywhere = {speck.peak: speck for speck in scene.finder.specks_in(lowest_probability=0.2)}
    for speck in scene.finder.specks_in(_area([(170, 60), (170, 150), (330, 150), (330, 60)]), None, 0.2):
        np.testing.assert_array_equal(speck.rows, everywhere[speck.peak].rows)
        np.testing.assert_array_equal(speck.columns, everywhere[speck.peak].columns)


def test_drawing_over_specks_outlines_none_of_them_again(scene, monkeypatch):
    area = _area([(170, 60), (170, 150), (330, 150), (330, 60)])
    first = scene.finder.specks_in(area, None, 0.15, 3.0)
    monkeypatch.setattr("MicrocalcAILib.editing.specks.outline", lambda *_: pytest.fail("outlined again"))
    again = scene.finder.specks_in(area, None, 0.15, 3.0)
    assert [speck.peak for speck in again] == [speck.peak for speck in first] != []


def test_a_speck_keeps_its_unmarked_pixels_when_less_than_half_of_it_is_marked(scene):
    largest = max(scene.finder.specks_in(lowest_probability=0.2), key=lambda speck: len(speck.rows))
    few = len(largest.rows) // 2 - 1
    for count in (few, len(largest.rows) - few):
        marked = np.zeros(scene.mammogram.pixels.shape, np.int32)
        marked[largest.rows[:count], largest.columns[:count]] = 1
        left = [speck for speck in scene.finder.specks_in(None, marked, 0.2) if speck.peak == largest.peak]
        assert [speck.rows.tolist() for speck in left] == ([largest.rows[count:].tolist()] if count == few else [])


@settings(max_examples=60, deadline=None)
@given(arrays(np.int32, (6, 7), elements=st.integers(0, 3)))
def test_border_lines_run_along_every_edge_where_an_outline_ends(labels):
    outlines = [np.nonzero(labels == identifier) for identifier in (1, 2, 3) if (labels == identifier).any()]
    padded = np.pad(labels, 1)
    expected = 0
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        expected += int(((padded > 0) & (padded != np.roll(padded, shift, axis))).sum())
    pieces = border_lines(outlines)
    assert pieces.shape == (expected, 2, 2)
    np.testing.assert_allclose(np.abs(np.diff(pieces, axis=1)).sum(axis=(1, 2)), 1)


def test_the_border_of_a_speck_is_that_of_the_pixels_it_has_left(scene):
    for marked in (None, scene.analysis.labels, np.roll(scene.analysis.labels, 2, axis=1)):
        for speck in scene.finder.specks_in(marked=marked, lowest_probability=0.1):
            expected = border_lines([(speck.rows, speck.columns)])
            assert sorted(speck.border.reshape(-1, 4).tolist()) == sorted(expected.reshape(-1, 4).tolist())


def test_border_lines_of_one_pixel_are_its_square():
    pieces = border_lines([(np.array([4]), np.array([7]))])
    assert {tuple(point) for point in pieces.reshape(-1, 2)} == {(3.5, 6.5), (3.5, 7.5), (4.5, 6.5), (4.5, 7.5)}


def test_an_image_without_a_breast_has_no_specks():
    mammogram = Mammogram(np.zeros((200, 150), np.float32), SPACING)
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    finder = SpeckFinder(mammogram, find_breast(mammogram), selector)
    assert finder.specks_in() == []
    assert finder.speck_at(100, 70).reason == "This place lies outside the breast."
