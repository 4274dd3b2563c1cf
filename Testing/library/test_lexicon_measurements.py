"""What the lexicon measures on drawn calcifications and arrangements whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from skimage.draw import disk, line

from MicrocalcAILib.lexicon.arrangement import CLUSTER_MEASUREMENTS, BreastContext, cluster_measurements
from MicrocalcAILib.lexicon.specks import SPECK_MEASUREMENTS, speck_measurements

SPACING_MM = (0.07, 0.07)
BREAST = BreastContext(100.0, (300.0, 690.0))


def table_of(labels: np.ndarray, cluster_id: int = 1) -> pd.DataFrame:
    rows = []
    for identifier in np.unique(labels[labels > 0]):
        row, column = np.nonzero(labels == identifier)
        box = (row.min(), row.max(), column.min(), column.max())
        area = len(row) * SPACING_MM[0] * SPACING_MM[1]
        rows.append((identifier, cluster_id, row.mean(), column.mean(), area, *box))
    names = ["id", "cluster_id", "row", "column", "area_mm2", "row_min", "row_max", "column_min", "column_max"]
    return pd.DataFrame(rows, columns=names)


def image_of(labels: np.ndarray, brightness: float = 100.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, labels.shape)
    return (500 + noise + brightness * (labels > 0)).astype(np.float32)


def drawn(*shapes: tuple) -> np.ndarray:
    labels = np.zeros((600, 700), np.int32)
    for number, shape in enumerate(shapes, start=1):
        labels[shape] = number
    return labels


def measured(labels: np.ndarray, pixels: np.ndarray | None = None) -> pd.DataFrame:
    return speck_measurements(image_of(labels) if pixels is None else pixels, labels, table_of(labels), SPACING_MM)


def dots(points: np.ndarray) -> np.ndarray:
    return drawn(*(disk((row, column), 2.5) for row, column in points))


def arrangement(labels: np.ndarray, breast: BreastContext = BREAST) -> pd.Series:
    table = table_of(labels)
    specks = speck_measurements(image_of(labels), labels, table, SPACING_MM)
    return cluster_measurements(labels, table, specks, SPACING_MM, breast).loc[1]


def test_a_disk_has_its_diameter_and_no_direction_to_speak_of():
    found = measured(drawn(disk((200, 200), 10))).loc[1]
    assert found["length_mm"] == pytest.approx(20 * 0.07, abs=0.1)
    assert found["width_mm"] == pytest.approx(20 * 0.07, abs=0.15)
    assert found["aspect"] == pytest.approx(1, abs=0.12)
    assert found["solidity"] > 0.93


def test_contrast_is_in_units_of_the_noise_around():
    labels = drawn(disk((200, 200), 6))
    faint, bright = (measured(labels, image_of(labels, value)).loc[1, "contrast"] for value in (10.0, 100.0))
    assert faint == pytest.approx(10, rel=0.2)
    assert bright == pytest.approx(100, rel=0.2)


def test_measurements_do_not_change_with_gain_and_offset():
    labels = drawn(disk((200, 200), 6), line(300, 300, 310, 330))
    pixels = image_of(labels)
    changed = (3 * pixels + 1000).astype(np.float32)
    pd.testing.assert_frame_equal(measured(labels, pixels), measured(labels, changed), rtol=1e-3, atol=1e-4)


def test_a_lucent_center_is_told_from_a_dome():
    labels = drawn(disk((200, 200), 15), disk((400, 400), 15))
    pixels = image_of(labels)
    rows, columns = np.indices(labels.shape)
    pixels[disk((200, 200), 9)] -= 80
    pixels += 5 * np.maximum(15 - np.hypot(rows - 400, columns - 400), 0).astype(np.float32)
    lucency = measured(labels, pixels)["lucency"]
    assert lucency[1] > 0.5
    assert lucency[2] < -0.2


def test_a_fork_has_three_ends_and_a_line_two():
    fork = np.zeros((600, 700), np.int32)
    for ends in ((200, 100, 200, 130), (200, 130, 185, 160), (200, 130, 215, 160)):
        fork[line(*ends)] = 1
    straight = drawn(line(200, 100, 200, 160))
    assert measured(fork).loc[1, "ends"] == 3
    assert measured(straight).loc[1, "ends"] == 2


@pytest.mark.parametrize(("end", "degrees"), [((200, 240), 0), ((240, 200), 90), ((240, 240), 45), ((160, 240), -45)])
def test_direction_is_measured_from_the_columns_downward(end, degrees):
    found = np.degrees(measured(drawn(line(200, 200, *end))).loc[1, "direction"])
    assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1)


def test_one_pixel_and_an_image_border_are_measured():
    labels = np.zeros((600, 700), np.int32)
    labels[0, 0], labels[599, 100:140], labels[300, 300] = 1, 2, 3
    found = measured(labels)
    assert list(found.columns) == list(SPECK_MEASUREMENTS)
    assert np.isfinite(found.to_numpy()).all()


def test_a_circle_of_pieces_is_found():
    angle = np.arange(12) * np.pi / 6
    ring = np.column_stack((300 + 60 * np.sin(angle), 300 + 60 * np.cos(angle)))
    scattered = np.random.default_rng(0).uniform(240, 360, (12, 2))
    assert arrangement(dots(ring))["circle_residual"] < 0.02
    assert arrangement(dots(ring))["circle_diameter_mm"] == pytest.approx(120 * 0.07, rel=0.02)
    assert arrangement(dots(scattered))["circle_residual"] > 0.1


def test_two_tracks_are_told_from_one():
    rng = np.random.default_rng(1)
    along = np.arange(100, 400, 20.0)
    one = np.column_stack((300 + rng.normal(0, 5, len(along)), along))
    two = np.column_stack((300 + np.where(np.arange(len(along)) % 2, 12, -12) + rng.normal(0, 1, len(along)), along))
    assert arrangement(dots(two))["two_tracks"] > 0.7
    assert arrangement(dots(one))["two_tracks"] < 0.6


def test_pieces_of_a_large_body_fill_their_ground_and_scattered_specks_do_not():
    body = drawn(disk((300, 300), 14), disk((300, 331), 14), disk((328, 315), 14), disk((272, 315), 12))
    scattered = drawn(*(disk(place, 14) for place in ((200, 200), (200, 400), (420, 300), (300, 500))))
    assert arrangement(body)["covered_share"] > 0.6
    assert arrangement(scattered)["covered_share"] < 0.1
    assert arrangement(scattered)["covered_mm2"] == pytest.approx(4 * np.pi * (14 * 0.07) ** 2, rel=0.15)


def plaques(*places: tuple[int, int, int, int]) -> np.ndarray:
    return drawn(*(line(*place) for place in places))


def test_plaques_on_both_walls_of_a_turning_vessel_are_told_from_one_track_and_from_a_heap():
    along = np.arange(60, 540, 40)
    bend = (0.0008 * (along - 300) ** 2).astype(int)
    upper = [(200 + y, x, 200 + y + 1, x + 18) for x, y in zip(along, bend, strict=True)]
    lower = [(220 + y, x + 8, 220 + y + 1, x + 26) for x, y in zip(along, bend, strict=True)]
    rng = np.random.default_rng(3)
    turns, places = rng.uniform(0, np.pi, 24), rng.uniform(100, 260, (24, 2)).astype(int)
    heap = [
        (y, x, int(y + 18 * np.sin(turn)), int(x + 18 * np.cos(turn)))
        for (y, x), turn in zip(places, turns, strict=True)
    ]
    assert arrangement(plaques(*upper, *lower))["beside_parallel"] > 0.9
    assert arrangement(plaques(*upper))["beside_parallel"] < 0.1
    assert arrangement(plaques(*heap))["beside_parallel"] < 0.6


def test_faint_members_count_little_and_equal_ones_as_if_nothing_were_known():
    labels = drawn(
        *(disk((100, column), 6) for column in range(60, 560, 50)), *(line(200, c, 203, c + 4) for c in (60, 90))
    )
    table = table_of(labels)
    specks = speck_measurements(image_of(labels), labels, table, SPACING_MM)

    def measured_with(probability):
        members = table if probability is None else table.assign(probability=probability)
        return cluster_measurements(labels, members, specks, SPACING_MM, BREAST).loc[1]

    unknown, equal = measured_with(None), measured_with(0.7)
    pd.testing.assert_series_equal(unknown, equal)
    doubted = measured_with([0.9] * 10 + [0.05] * 2)
    assert unknown["length_mm_low"] < 0.5 < doubted["length_mm_low"]
    assert doubted["small_share"] < 0.02 < unknown["small_share"]
    drawn_by_a_reader = table.assign(probability=[0.9] * 10 + [0.05] * 2, source=["machine"] * 10 + ["reader"] * 2)
    assert cluster_measurements(labels, drawn_by_a_reader, specks, SPACING_MM, BREAST).loc[1, "small_share"] > 0.1


def test_a_wedge_toward_the_nipple_is_deeper_than_wide():
    nipple = np.array([300.0, 690.0])
    rng = np.random.default_rng(2)
    distance, angle = rng.uniform(150, 600, 40), rng.uniform(-0.15, 0.15, 40)
    wedge = nipple - np.column_stack((distance * np.sin(angle), distance * np.cos(angle)))
    across = wedge[:, ::-1] - wedge[:, ::-1].mean(axis=0) + (300, 350)
    toward, beside = (
        arrangement(dots(points))["sector_ratio"] for points in (wedge, across[np.abs(across[:, 0] - 300) < 280])
    )
    assert toward > 1.5 * beside


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_calcifications_have_all_measurements(count):
    found = arrangement(dots(np.array([[300, 300], [320, 330], [350, 310], [300, 360]])[:count]))
    assert list(found.index) == list(CLUSTER_MEASUREMENTS)
    assert np.isfinite(found.to_numpy()).all()


def test_without_a_nipple_only_what_needs_it_is_missing():
    found = arrangement(dots(np.array([[300, 300], [320, 330], [350, 310]])), BreastContext(100.0))
    missing = set(found.index[found.isna()])
    assert missing == {"nipple_angle_deg", "nipple_distance_mm", "sector_deg", "sector_depth_mm", "sector_ratio"}
