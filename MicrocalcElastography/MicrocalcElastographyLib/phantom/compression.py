"""Two simulated radio-frequency frames of a phantom that is compressed between them, with the exact strain.

Every line of tissue shortens by what its stiffness allows (uniform stress, lines independent of each other), so that
displacement and strain are known at every point. Scatterers move with the tissue; the echo is their sum of pulses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve

from MicrocalcAILib.base.parameters import check_range

_SPEED_MM_US = 1.54
_FINER = 8  # steps of the grid on which scatterers are put, in a sample
_SCATTERERS_PER_SAMPLE = 1.0
_BANDWIDTH = 0.6  # of the center frequency, at -6 dB
_BEAM_LINES = 1.0  # standard deviation of the beam, in lines


@dataclass(frozen=True)
class CompressionParameters:
    """A phantom with a round stiff inclusion in its middle.

    Parameters
    ----------
    seed : int
    depth_mm : float
    lines : int
    line_mm : float
        Distance of the lines.
    sampling_mhz, center_mhz : float
    strain : float
        Of the background, as a share.
    stiffness_ratio : float
        Inclusion / background; 1 for a homogeneous phantom.
    radius_mm : float
        Of the inclusion.
    snr_db : float
        Of the echo against electronic noise.
    """

    seed: int = 0
    depth_mm: float = 20.0
    lines: int = 48
    line_mm: float = 0.35
    sampling_mhz: float = 40.0
    center_mhz: float = 7.0
    strain: float = 0.01
    stiffness_ratio: float = 4.0
    radius_mm: float = 4.0
    snr_db: float = 30.0

    def __post_init__(self) -> None:
        check_range("strain", self.strain, 0.0, 0.1)
        check_range("stiffness_ratio", self.stiffness_ratio, 0.1, 50.0)

    @property
    def sample_mm(self) -> float:
        """Distance of the samples along the beam."""
        return _SPEED_MM_US / (2.0 * self.sampling_mhz)


@dataclass(frozen=True)
class CompressedPhantom:
    """Echo frames ``before`` and ``after``, float32, shape (samples, lines), and the true axial ``strain`` of each."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    strain: NDArray[np.float64]
    inclusion: NDArray[np.bool_]


def simulate_compression(parameters: CompressionParameters = CompressionParameters()) -> CompressedPhantom:
    """Simulate both frames; the same parameters always give the same ones."""
    random = np.random.default_rng([parameters.seed, 31])
    samples = round(parameters.depth_mm / parameters.sample_mm)
    depth = np.arange(samples) * parameters.sample_mm
    across = (np.arange(parameters.lines) - (parameters.lines - 1) / 2) * parameters.line_mm
    distance = np.hypot(depth[:, None] - parameters.depth_mm / 2, across)
    # The border is as wide as a sample of the strain image, so that the truth has no step.
    inside = 1.0 / (1.0 + np.exp((distance - parameters.radius_mm) / 0.15))
    strain = parameters.strain / (1.0 + inside * (parameters.stiffness_ratio - 1.0))
    moved = np.cumsum(strain, axis=0) - strain / 2  # in samples, toward the probe

    places = random.uniform(0, samples, size=(round(_SCATTERERS_PER_SAMPLE * samples), parameters.lines))
    amplitudes = random.normal(size=places.shape)
    columns = np.broadcast_to(np.arange(parameters.lines), places.shape)
    shift = ndimage.map_coordinates(moved, [places, columns], order=1, mode="nearest")
    frames = [_echo(where, amplitudes, columns, samples, parameters) for where in (places, places - shift)]
    noise = 10.0 ** (-parameters.snr_db / 20.0) * float(frames[0].std())
    before, after = ((frame + random.normal(scale=noise, size=frame.shape)).astype(np.float32) for frame in frames)
    return CompressedPhantom(before, after, strain, distance < parameters.radius_mm)


def _echo(
    places: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    columns: NDArray[np.intp],
    samples: int,
    parameters: CompressionParameters,
) -> NDArray[np.float64]:
    """Sum of the pulses of all scatterers, at places in samples."""
    fine = np.zeros((samples * _FINER + 1, parameters.lines))
    at = np.clip(places * _FINER, 0, samples * _FINER - 1)
    low = at.astype(np.intp)
    np.add.at(fine, (low, columns), amplitudes * (1.0 - (at - low)))
    np.add.at(fine, (low + 1, columns), amplitudes * (at - low))
    fine = ndimage.gaussian_filter1d(fine, _BEAM_LINES, axis=1, mode="nearest")
    # Standard deviation of a Gaussian envelope that is half as high half a bandwidth off the center.
    sigma_us = np.sqrt(2.0 * np.log(2.0)) / (np.pi * _BANDWIDTH * parameters.center_mhz)
    reach = int(4 * sigma_us * parameters.sampling_mhz * _FINER)
    time = np.arange(-reach, reach + 1) / (parameters.sampling_mhz * _FINER)
    pulse = np.exp(-0.5 * (time / sigma_us) ** 2) * np.cos(2.0 * np.pi * parameters.center_mhz * time)
    echo: NDArray[np.float64] = fftconvolve(fine, pulse[:, None], mode="same", axes=0)[: samples * _FINER : _FINER]
    return echo
