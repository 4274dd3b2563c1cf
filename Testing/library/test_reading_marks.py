"""Pixels without a value: padding is air, and what is drawn into a breast changes nothing around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from library.breast_samples import overlap, picture
from library.dicom_samples import mammogram_dataset, saved
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.drawn_lines import drawn_lines
from MicrocalcAILib.reading.no_value import fill_pixels_without_value, padding_of
from MicrocalcAILib.segmentation.breast import edge_distance, find_breast
from MicrocalcAILib.segmentation.candidates import find_candidates
from MicrocalcAILib.segmentation.outlines import outline
from MicrocalcAILib.segmentation.selection import without_overlaps

SAMPLE = picture(spacing_mm=0.2)
PADDING = 4095


def values() -> NDArray[np.uint16]:
    return np.clip(np.rint(SAMPLE.pixels * 10 + 100), 0, 4000).astype(np.uint16)


def read(folder: Path, pixels: NDArray[np.uint16]) -> Mammogram:
    dataset = mammogram_dataset(pixels, 12, ImagerPixelSpacing=[0.2, 0.2], PixelPaddingValue=PADDING)
    return read_mammogram(saved(dataset, folder))


def marked(kind: str) -> NDArray[np.bool_]:
    """A mark of 3 to 12 mm in the breast; the arrow comes in from outside."""
    where = np.zeros(SAMPLE.pixels.shape, bool)
    row, column = np.mgrid[: where.shape[0], : where.shape[1]]
    if kind == "hole":
        where[480:540, 150:210] = True
    elif kind == "ring":
        distance = np.hypot(row - 500, column - 180)
        where[(distance > 40) & (distance < 44)] = True
    else:
        where[(np.abs(row - 500) < 5) & (column > 200)] = True
        where[(np.abs(row - 500) < (column - 180) / 2) & (column >= 180) & (column < 230)] = True
    return where


@pytest.mark.parametrize("kind", ["hole", "ring", "arrow"])
def test_a_mark_in_the_breast_is_no_skin_and_no_air(tmp_path: Path, kind: str) -> None:
    pixels = values()
    plain = find_breast(read(tmp_path, pixels))
    pixels[marked(kind)] = PADDING
    mammogram = read(tmp_path, pixels)
    region = find_breast(mammogram)
    assert region.with_marks is not None
    assert overlap(region.with_marks, plain.mask) > 0.995
    assert not (region.mask & marked(kind)).any()
    rows, columns = np.array([470, 500, 560]), np.array([160, 100, 180])
    depths = [edge_distance(one, (0.2, 0.2)).at(rows, columns) for one in (plain, region)]
    np.testing.assert_allclose(depths[0], depths[1], atol=1.0)
    assert mammogram.admission.padding_share < 1e-3  # where an arrow leaves the image
    assert mammogram.admission.mark_share == pytest.approx(marked(kind).mean(), abs=1e-3)


def test_padding_in_place_of_the_air_is_air(tmp_path: Path) -> None:
    pixels = values()
    pixels[~SAMPLE.breast] = PADDING
    mammogram = read(tmp_path, pixels)
    region = find_breast(mammogram)
    assert region.warnings == ()
    assert overlap(region.mask, SAMPLE.breast) > 0.97
    assert mammogram.admission.padding_share == pytest.approx(1 - SAMPLE.breast.mean(), abs=0.01)
    tip = int(np.flatnonzero(SAMPLE.breast[500])[-1])
    assert edge_distance(region, (0.2, 0.2)).at(500, tip - 150) == pytest.approx(30, abs=1.5)


def test_an_arrow_out_of_the_padding_is_a_mark(tmp_path: Path) -> None:
    pixels = values()
    pixels[~SAMPLE.breast | marked("arrow")] = PADDING
    region = find_breast(read(tmp_path, pixels))
    assert region.with_marks is not None
    assert region.with_marks[marked("arrow") & SAMPLE.breast].mean() > 0.85


def test_marks_are_filled_without_an_edge() -> None:
    row, column = np.mgrid[:200, :200]
    pixels = (row + column).astype(np.float32)
    valid = np.ones(pixels.shape, bool)
    valid[90:110, 90:110] = False
    expected = pixels.copy()
    pixels[~valid] = np.nan
    fill_pixels_without_value(pixels, valid, padding_of(valid, (0.1, 0.1)), (0.1, 0.1))
    assert np.abs(pixels - expected)[~valid].max() < 25
    assert np.abs(np.diff(pixels, axis=0)).max() < 25


@pytest.mark.parametrize("shape", ["cross", "box", "oblique"])
def test_drawn_straight_lines_are_no_image(tmp_path: Path, shape: str) -> None:
    pixels = values()
    row, column = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    drawn = np.zeros(pixels.shape, bool)
    if shape == "cross":
        drawn[500:502, 100:200] = drawn[450:550, 150:152] = True
    elif shape == "box":
        drawn[400:500, 100:200] = True
        drawn[402:498, 102:198] = False
    else:
        drawn[(np.abs(row - column - 300) <= 1) & (column > 100) & (column < 200)] = True
    pixels[drawn] = 4090
    mammogram = read(tmp_path, pixels)
    assert "drawn-lines" in {warning.code for warning in mammogram.warnings}
    assert mammogram.valid is not None
    assert not mammogram.valid[drawn].any()
    assert mammogram.valid.mean() > 1 - 5 * drawn.mean() - 1e-3


def test_bright_tissue_rods_and_film_frames_are_no_drawn_lines() -> None:
    pixels = values().astype(np.float32)
    assert drawn_lines(pixels, None, (0.2, 0.2)) is None
    clipped = np.minimum(pixels, 800)
    assert drawn_lines(clipped, None, (0.2, 0.2)) is None
    rod = pixels.copy()
    row, column = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    rod[(np.abs(row - column - 300) <= 1) & (column > 100) & (column < 125)] = 4000  # 7 mm at 45 degrees
    assert drawn_lines(rod, None, (0.2, 0.2)) is None
    framed = pixels.copy()
    framed[:4] = framed[-4:] = 4000
    framed[:, :4] = framed[:, -4:] = 4000
    assert drawn_lines(framed, None, (0.2, 0.2)) is None


def specks_with_rings(seed: int, rings: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0, 1, (160, 160)).astype(np.float32)
    row, column = np.mgrid[:160, :160]
    for center in rng.integers(20, 140, (12, 2)):
        pixels[np.hypot(row - center[0], column - center[1]) < 2] += 15
    for center, radius in zip(rng.integers(30, 130, (rings, 2)), rng.uniform(4, 20, rings), strict=True):
        distance = np.hypot(row - center[0], column - center[1])
        pixels[np.abs(distance - radius) < rng.uniform(0.8, 2)] += 25
    return pixels


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20), rings=st.integers(0, 4))
def test_every_chosen_speck_keeps_its_label_whatever_lies_around_it(seed: int, rings: int) -> None:
    pixels = specks_with_rings(seed, rings)
    candidates = find_candidates(pixels, np.ones(pixels.shape, bool), (0.1, 0.1))
    chosen = np.sort(without_overlaps(candidates, candidates.responses.max(axis=1).astype(float), pixels.shape))
    labels = outline(candidates, chosen, pixels, (0.1, 0.1))
    assert np.unique(labels[labels > 0]).tolist() == (chosen + 1).tolist()


def test_a_ring_around_specks_does_not_swallow_them() -> None:
    pixels = np.random.default_rng(0).normal(0, 1, (120, 120)).astype(np.float32)
    row, column = np.mgrid[:120, :120]
    pixels[np.abs(np.hypot(row - 60, column - 60) - 12) < 1.5] += 40
    centers = [(56, 56), (64, 64), (56, 65)]
    for center in centers:
        pixels[np.hypot(row - center[0], column - center[1]) < 2] += 40
    candidates = find_candidates(pixels, np.ones(pixels.shape, bool), (0.1, 0.1))
    chosen = np.sort(without_overlaps(candidates, candidates.responses.max(axis=1).astype(float), pixels.shape))
    labels = outline(candidates, chosen, pixels, (0.1, 0.1))
    assert len({labels[center] for center in centers} - {0}) == 3
