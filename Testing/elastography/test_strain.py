"""Strain from simulated echo frames whose strain is known at every point."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.commands import strain as strain_command
from MicrocalcElastographyLib.elastogram import Direction, Unit
from MicrocalcElastographyLib.measurement import LesionRegions, ellipse_region, measure
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_cine, write_dicom
from MicrocalcElastographyLib.phantom.compression import CompressedPhantom, CompressionParameters, simulate_compression
from MicrocalcElastographyLib.reading.echo_frames import read_echo_frames
from MicrocalcElastographyLib.strain import (
    StrainParameters,
    contrast_to_noise,
    refined,
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


@pytest.mark.parametrize("snr_db", [6.0, 20.0])
def test_total_least_squares_makes_the_image_less_noisy_and_truer(snr_db: float) -> None:
    settings = CompressionParameters(stiffness_ratio=4.0, snr_db=snr_db, strain=0.01)
    phantom = simulate_compression(settings)
    parameters = StrainParameters(largest_strain=0.02, smallest_correlation=0.0)
    by_path = track(phantom.before, phantom.after, settings.sample_mm, parameters)
    methods = {
        "correlation alone": track_by_correlation_alone(phantom.before, phantom.after, settings.sample_mm, parameters),
        "dynamic programming": by_path,
        "total least squares": refined(phantom.before, phantom.after, by_path, settings.sample_mm, parameters),
    }
    truth, inside = at_windows(phantom, by_path.rows)
    deep, outside = ndimage.binary_erosion(inside, np.ones((13, 5))), truth > 0.98 * settings.strain
    strains = [axial_strain(found, parameters, settings.sample_mm) for found in methods.values()]
    errors = [float(np.abs(strain - truth).mean()) for strain in strains]
    homogeneous = [signal_to_noise(strain[outside]) for strain in strains]
    contrasts = [contrast_to_noise(strain[deep], strain[outside]) for strain in strains]
    assert errors == sorted(errors, reverse=True)
    assert homogeneous == sorted(homogeneous)
    assert contrasts == sorted(contrasts)
    assert homogeneous[2] > 1.4 * homogeneous[0]


def test_a_displacement_of_a_part_of_a_sample_is_found_without_bias() -> None:
    """Also in noise, where ordinary least squares finds too little."""
    settings = CompressionParameters(stiffness_ratio=1.0, snr_db=10.0, strain=0.005)
    phantom = simulate_compression(settings)
    found = track(phantom.before, phantom.after, settings.sample_mm, SETTINGS)
    better = refined(phantom.before, phantom.after, found, settings.sample_mm, SETTINGS)
    slope = np.polyfit(better.rows, better.samples.mean(axis=1), 1)[0]
    assert slope == pytest.approx(settings.strain, rel=0.02)


def test_echo_frames_come_from_slices_of_a_volume_with_their_spacing(tmp_path: Path) -> None:
    settings = CompressionParameters(stiffness_ratio=4.0)
    phantom = simulate_compression(settings)
    image = sitk.GetImageFromArray(np.stack([phantom.before, phantom.after]).astype(np.float32))
    image.SetSpacing((settings.line_mm, settings.sample_mm, 1.0))
    sitk.WriteImage(image, str(tmp_path / "echo.nrrd"))
    frames = read_echo_frames([tmp_path / "echo.nrrd"])
    assert frames.spacing_mm == pytest.approx((settings.sample_mm, settings.line_mm))
    assert np.array_equal(frames.after, phantom.after.astype(np.float32))
    parser = argparse.ArgumentParser()
    strain_command.add_arguments(parser)
    strain_command.run(parser.parse_args([str(tmp_path / "echo.nrrd"), "--output", str(tmp_path / "out")]))
    quality = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "quality.nrrd")))
    strain = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "strain.nrrd")))
    assert quality.shape == strain.shape
    assert 0.8 < float(np.median(quality)) <= 1.0


def test_echo_frames_of_a_dicom_cine_are_its_image_with_the_spacing_of_its_region(tmp_path: Path) -> None:
    screens = simulate_cine(PhantomParameters(), frames=2, refreshed_every=1)
    write_dicom(screens, tmp_path / "cine.dcm")
    frames = read_echo_frames([tmp_path / "cine.dcm"])
    panel = max((screens[0].color_panel, screens[0].b_mode_panel), key=lambda place: place.area)
    assert frames.before.shape == (panel.height, panel.width)
    assert frames.spacing_mm == pytest.approx((0.1, 0.1))
    with pytest.raises(ParameterError, match="has 2 frames"):
        read_echo_frames([tmp_path / "cine.dcm"], (0, 2))


def test_echo_frames_without_a_spacing_are_asked_for_it(tmp_path: Path) -> None:
    np.save(tmp_path / "echo.npy", np.zeros((2, 100, 8)))
    with pytest.raises(ParameterError, match="does not tell the distance"):
        read_echo_frames([tmp_path / "echo.npy"])
    with pytest.raises(ParameterError, match="one frame each"):
        read_echo_frames([tmp_path / "echo.npy"] * 2, spacing_mm=(0.02, 0.2))


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
