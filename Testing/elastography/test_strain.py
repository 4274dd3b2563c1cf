"""Strain from simulated echo frames whose strain is known at every point."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import Direction, Unit
from MicrocalcElastographyLib.measurement import LesionRegions, ellipse_region, measure
from MicrocalcElastographyLib.phantom.compression import CompressedPhantom, CompressionParameters, simulate_compression
from MicrocalcElastographyLib.strain import (
    StrainParameters,
    contrast_to_noise,
    signal_to_noise,
    strain_elastogram,
    track,
    track_by_correlation_alone,
)
from MicrocalcElastographyLib.strain.image import axial_strain

SETTINGS = StrainParameters(largest_strain=0.02)


def at_windows(phantom: CompressedPhantom, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    index = rows.astype(int)
    return phantom.strain[index], phantom.inclusion[index]


@pytest.mark.parametrize("ratio", [2.0, 8.0])
def test_the_strain_of_an_inclusion_and_its_surroundings_is_found(ratio: float) -> None:
    settings = CompressionParameters(stiffness_ratio=ratio)
    phantom = simulate_compression(settings)
    found = strain_elastogram(phantom.before, phantom.after, (settings.sample_mm, settings.line_mm), SETTINGS)
    truth, inside = at_windows(phantom, track(phantom.before, phantom.after, settings.sample_mm, SETTINGS).rows)
    assert found.valid.mean() > 0.9
    assert float(np.abs(found.values - truth)[found.valid].mean()) < 0.1 * settings.strain
    # The slope is fitted over 3 mm and 5 lines.
    deep = ndimage.binary_erosion(inside, np.ones((13, 5))) & found.valid
    outside = (truth > 0.98 * settings.strain) & found.valid
    contrast = float(found.values[outside].mean() / found.values[deep].mean())
    assert contrast == pytest.approx(float(truth[outside].mean() / truth[deep].mean()), rel=0.25)
    assert contrast_to_noise(found.values[deep], found.values[outside]) > 3.0


def test_dynamic_programming_beats_correlation_alone_in_noise() -> None:
    settings = CompressionParameters(stiffness_ratio=1.0, snr_db=6.0, strain=0.015)
    phantom = simulate_compression(settings)
    errors, quality = [], []
    parameters = StrainParameters(largest_strain=0.02, smallest_correlation=0.0)
    for method in (track, track_by_correlation_alone):
        strain = axial_strain(method(phantom.before, phantom.after, settings.sample_mm, parameters), parameters,
                              settings.sample_mm)  # fmt: skip
        errors.append(float(np.nanmean(np.abs(strain - settings.strain))))
        quality.append(signal_to_noise(strain))
    assert errors[0] < 0.7 * errors[1]
    assert quality[0] > 1.3 * quality[1]


def test_the_strain_ratio_follows_from_a_measured_strain_image() -> None:
    settings = CompressionParameters(stiffness_ratio=4.0)
    phantom = simulate_compression(settings)
    found = strain_elastogram(phantom.before, phantom.after, (settings.sample_mm, settings.line_mm), SETTINGS)
    assert (found.unit, found.direction) == (Unit.STRAIN, Direction.SOFTER_IS_HIGHER)
    assert found.spacing_mm is not None
    middle = (found.values.shape[0] - 1) / 2, (found.values.shape[1] - 1) / 2
    row_mm, line_mm = found.spacing_mm
    lesion = ellipse_region(found, middle, (2.0 / row_mm, 2.0 / line_mm))
    fat = ellipse_region(found, (2.5 / row_mm, middle[1]), (1.2 / row_mm, 5.0 / line_mm))
    measured = measure(found, LesionRegions(lesion=lesion, fat=fat))
    assert measured.strain_ratio == pytest.approx(4.0, rel=0.25)


def test_frames_that_do_not_belong_together_have_no_strain() -> None:
    one, other = (simulate_compression(CompressionParameters(seed=seed)) for seed in (0, 1))
    correlation = track(one.before, other.before, CompressionParameters().sample_mm, SETTINGS).correlation
    assert float(np.median(correlation)) < 0.6
    found = axial_strain(track(one.before, other.before, CompressionParameters().sample_mm, SETTINGS), SETTINGS,
                         CompressionParameters().sample_mm)  # fmt: skip
    assert np.isfinite(found).mean() < 0.5


def test_frames_in_the_other_order_show_the_same_compression() -> None:
    settings = CompressionParameters(stiffness_ratio=2.0)
    phantom = simulate_compression(settings)
    found = strain_elastogram(phantom.after, phantom.before, (settings.sample_mm, settings.line_mm), SETTINGS)
    assert found.source["motion"] == "stretched"
    assert float(np.nanmedian(found.values)) == pytest.approx(settings.strain, rel=0.1)


@pytest.mark.parametrize(
    ("shape", "other", "sentence"), [((200, 8), (201, 8), "one shape"), ((20, 8), (20, 8), "too small")]
)
def test_frames_that_cannot_be_compared_are_refused(
    shape: tuple[int, int], other: tuple[int, int], sentence: str
) -> None:
    with pytest.raises(ParameterError, match=sentence):
        track(np.ones(shape), np.ones(other), 0.02)
