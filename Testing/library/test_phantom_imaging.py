"""Projection to pixels, exact extent, noise; quanta and display of simulated breasts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import fourier_gaussian

from MicrocalcAILib.phantom import exposure, shapes
from MicrocalcAILib.phantom.imaging import SUPERSAMPLING, noise_blur_mm, noise_map, project

SPACING_MM = 0.07
PITCH_MM = SPACING_MM / SUPERSAMPLING


def sphere(diameter_mm: float) -> np.ndarray:
    return shapes.spheres(np.zeros((1, 2)), np.array([diameter_mm / 2]), PITCH_MM)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.06, 1.0), st.floats(20, 30), st.floats(20, 30), st.floats(0.02, 0.1))
def test_blur_and_area_average_keep_the_amount_of_calcium(diameter_mm, row, column, blur_mm):
    thickness = sphere(diameter_mm)
    imaged = project(thickness, row, column, blur_mm, PITCH_MM).thickness_mm
    assert imaged.sum() * SPACING_MM**2 == pytest.approx(thickness.sum() * PITCH_MM**2, rel=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 1.5), st.integers(0, 3), st.integers(0, 3))
def test_a_pixel_belongs_to_a_disk_when_half_of_it_is_covered(diameter_mm, quarter_row, quarter_column):
    row, column = 30 + quarter_row / 4 + 1 / 8, 40 + quarter_column / 4 + 1 / 8
    projection = project(sphere(diameter_mm), row, column, 0.05, PITCH_MM)
    # a sphere is at least 30 % as thick as its diameter within the square root of 0.91 of its radius
    radius = diameter_mm / 2 * np.sqrt(0.91) / SPACING_MM
    fine = (np.arange(40) + 0.5) / 40 - 0.5
    for i in range(projection.member.shape[0]):
        for j in range(projection.member.shape[1]):
            y = projection.row + i + fine - row
            x = projection.column + j + fine - column
            covered = (y[:, None] ** 2 + x**2 <= radius**2).mean()
            if abs(covered - 0.5) > 0.15:  # the fine grid of 4 × 4 cannot tell closer ones apart
                assert projection.member[i, j] == (covered > 0.5)


@settings(max_examples=40, deadline=None)
@given(st.floats(5, 9), st.floats(5, 9))
def test_a_speck_smaller_than_a_pixel_owns_its_center_pixel(row, column):
    projection = project(sphere(0.03), row, column, 0.05, PITCH_MM)
    (member,) = np.argwhere(projection.member) + np.array([projection.row, projection.column])
    assert np.abs(member - (row, column)).max() <= 0.5 + 1 / SUPERSAMPLING


def test_a_shift_by_whole_pixels_shifts_the_projection():
    here = project(sphere(0.4), 10.3, 12.7, 0.05, PITCH_MM)
    there = project(sphere(0.4), 15.3, 9.7, 0.05, PITCH_MM)
    assert (there.row - here.row, there.column - here.column) == (5, -3)
    np.testing.assert_array_equal(here.thickness_mm, there.thickness_mm)
    np.testing.assert_array_equal(here.member, there.member)


def test_blur_lowers_the_peak_of_small_specks_most():
    def kept(diameter_mm: float) -> float:
        return float(project(sphere(diameter_mm), 10, 10, 0.06, PITCH_MM).thickness_mm.max() / diameter_mm)

    assert kept(0.1) < kept(0.2) < kept(0.5) < 1


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 30), st.integers(0, 100))
def test_the_noise_map_finds_white_noise_on_a_slope(noise, seed):
    slope = np.linspace(0, 500, 256)[:, None] + np.linspace(0, 900, 192)
    pixels = (slope + np.random.default_rng(seed).normal(0, noise, slope.shape)).astype(np.float32)
    found = noise_map(pixels, np.ones(pixels.shape, bool), SPACING_MM, step=0)
    assert found.shape == (4, 3)
    assert np.median(found) == pytest.approx(noise, rel=0.12)


def test_the_noise_of_a_flat_image_is_that_of_its_grey_levels():
    found = noise_map(np.full((128, 128), 7, np.float32), np.ones((128, 128), bool), SPACING_MM, step=1.0)
    np.testing.assert_allclose(found, 1 / np.sqrt(12), rtol=1e-6)


def test_noise_outside_the_breast_does_not_count():
    rng = np.random.default_rng(3)
    breast = np.zeros((256, 256), bool)
    breast[:, :128] = True
    pixels = np.where(breast, rng.normal(0, 2, breast.shape), rng.normal(0, 50, breast.shape)).astype(np.float32)
    assert noise_map(pixels, breast, SPACING_MM, 0).max() < 4


@pytest.mark.parametrize("sigma", [0.6, 0.8, 1.1])
def test_the_blur_of_noise_is_found_again(sigma):
    noise = np.random.default_rng(4).standard_normal((400, 400))
    blurred = np.fft.ifft2(fourier_gaussian(np.fft.fft2(noise), sigma)).real.astype(np.float32)
    assert noise_blur_mm(blurred, SPACING_MM) == pytest.approx(sigma * SPACING_MM, rel=0.05)


def test_constant_pixels_have_no_noise_blur():
    assert noise_blur_mm(np.zeros((50, 50), np.float32), SPACING_MM) == 0


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_texture_has_the_power_law_it_was_asked_for(exponent):
    field = exposure.power_law_texture(np.random.default_rng(5), (512, 512), 0.1, exponent, longest_mm=50)
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(512, 0.1)[:, None], np.fft.fftfreq(512, 0.1))
    edges = np.geomspace(0.1, 3, 12)
    means = [power[(frequency >= low) & (frequency < high)].mean() for low, high in pairwise(edges)]
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(means), 1)[0]
    assert -slope == pytest.approx(exponent, abs=0.25)


def step_wedge() -> tuple[np.ndarray, np.ndarray]:
    """Attenuation and thickness of a slab of 50 mm whose right half is denser, with air above."""
    thickness_mm = np.full((400, 400), 50, np.float32)
    thickness_mm[:50] = 0
    attenuation = exposure.FAT * thickness_mm
    attenuation[:, 200:] += np.where(thickness_mm[:, 200:] > 0, np.float32(0.6), 0)
    return attenuation.astype(np.float32), thickness_mm


def test_more_attenuation_is_brighter_and_noisier_and_air_is_black():
    attenuation, thickness_mm = step_wedge()
    exposed = exposure.expose(np.random.default_rng(6), attenuation, thickness_mm, SPACING_MM, 0.4)
    fat, dense = exposed.pixels[150:350, 20:150], exposed.pixels[150:350, 250:380]
    assert (exposed.pixels[:50] == 0).all()
    assert dense.mean() > fat.mean()
    # half as many quanta as e^0.6 fewer: the relative noise grows by e^0.3
    assert dense.std() / fat.std() == pytest.approx(np.exp(0.3), rel=0.15)


def test_noise_is_that_of_the_stated_quanta():
    thickness_mm = np.full((300, 300), 50, np.float32)
    exposed = exposure.expose(
        np.random.default_rng(7), exposure.FAT * thickness_mm, thickness_mm, SPACING_MM, noise_blur_pixels=0.4
    )
    expected = exposed.grey_per_attenuation / np.sqrt(exposure.QUANTA_PER_MM2 * SPACING_MM**2)
    assert exposed.pixels.std() == pytest.approx(expected, rel=0.05)
    np.testing.assert_array_equal(exposed.pixels, np.round(exposed.pixels))
    assert 0 <= exposed.pixels.min() <= exposed.pixels.max() <= 4095
