"""Simulated breast tissue under a linear probe: B-mode speckle and the stiffness behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Rectangle
from .parameters import Content, PhantomParameters

FloatArray = NDArray[np.float64]

WIDTH_MM, DEPTH_MM = 38.0, 32.0
BOX_WIDTH_MM, BOX_HEIGHT_MM = 24.0, 20.0
LESION_DEPTH_MM, LESION_ASIDE_MM = 15.0, 20.0  # below the probe, from the left edge
_DYNAMIC_RANGE_DB, _GAIN = 55.0, 0.82


@dataclass(frozen=True)
class SimulatedTissue:
    """A panel of tissue with its truth.

    ``b_mode`` is uint8, shape (rows, columns); ``stiffness_kpa`` float, same shape; ``void`` and ``lesion`` are
    boolean masks; ``box`` is the part an elastogram covers.
    """

    b_mode: NDArray[np.uint8]
    stiffness_kpa: FloatArray
    void: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    box: Rectangle


class _Textures:
    """Smooth random fields of unit variance, one after the other from one seed."""

    def __init__(self, shape: tuple[int, int], spacing_mm: float, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._shape, self._spacing_mm = shape, spacing_mm

    def field(self, axial_mm: float, lateral_mm: float) -> FloatArray:
        """A field with structures of about this size."""
        sigma = (axial_mm / self._spacing_mm, lateral_mm / self._spacing_mm)
        smooth = ndimage.gaussian_filter(self.random.normal(size=self._shape), sigma)
        normalized: FloatArray = smooth / smooth.std()
        return normalized

    def wave(self, lateral_mm: float) -> FloatArray:
        """A smooth random line across the image, shape (columns,)."""
        smooth = ndimage.gaussian_filter1d(self.random.normal(size=self._shape[1]), lateral_mm / self._spacing_mm)
        normalized: FloatArray = smooth / smooth.std()
        return normalized


def simulate_tissue(parameters: PhantomParameters) -> SimulatedTissue:
    """Skin, fat with septa, glandular tissue, muscle, and a lesion with microcalcifications, all from the seed."""
    spacing = parameters.spacing_mm
    shape = (round(DEPTH_MM / spacing), round(WIDTH_MM / spacing))
    depth, across = np.meshgrid(*((np.arange(n) + 0.5) * spacing for n in shape), indexing="ij")
    textures = _Textures(shape, spacing, parameters.seed)

    wave = textures.wave(5.0)
    gland, muscle = depth > 7.0 + 0.8 * wave, depth > 25.5 - 0.6 * wave
    # Distance from the irregular edge of the lesion, negative inside.
    radius = np.hypot((depth - LESION_DEPTH_MM) * 1.15, across - LESION_ASIDE_MM)
    edge_mm = radius - parameters.lesion_diameter_mm / 2 + 0.4 * textures.field(0.7, 0.7)

    amplitude = _scatterers(textures, depth, across, gland, muscle, edge_mm, parameters.lesion_diameter_mm)
    return SimulatedTissue(
        b_mode=_b_mode(amplitude, spacing, textures.random),
        stiffness_kpa=_stiffness(parameters, textures, gland, muscle, edge_mm),
        void=_void(parameters, textures, depth, across),
        lesion=edge_mm < 0,
        box=_box(spacing),
    )


def _scatterers(
    textures: _Textures,
    depth: FloatArray,
    across: FloatArray,
    gland: NDArray[np.bool_],
    muscle: NDArray[np.bool_],
    edge_mm: FloatArray,
    diameter_mm: float,
) -> FloatArray:
    """Scattering strength: bright skin and septa, dark fat, brighter gland, dark lesion with bright specks."""
    skin = depth < 1.6
    decibels = np.select([skin, muscle, gland], [-12.0, -26.0, -18.0], -30.0) + 2.0 * textures.field(0.5, 1.2)
    septa = np.abs(textures.field(0.5, 2.5)) < 0.1
    decibels[septa & ~skin & ~muscle] += 11.0
    decibels[muscle & (textures.field(0.15, 6.0) > 0.9)] += 8.0
    decibels -= 16.0 * _rises(-edge_mm, 0.25)
    shadow = (np.abs(across - LESION_ASIDE_MM) < 0.4 * diameter_mm) & (depth > LESION_DEPTH_MM) & (edge_mm > 0)
    decibels -= 7.0 * ndimage.gaussian_filter(shadow.astype(float), 8.0)
    amplitude: FloatArray = 10.0 ** ((decibels - 0.25 * depth) / 20.0)
    inside = np.argwhere(edge_mm < -1.0)
    if len(inside):
        specks = inside[textures.random.choice(len(inside), size=9)]
        amplitude[specks[:, 0], specks[:, 1]] *= 60.0
    return amplitude


def _b_mode(amplitude: FloatArray, spacing_mm: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """Fully developed speckle: the envelope of scatterers seen through the probe's point-spread function, in dB."""
    spread = (0.10 / spacing_mm, 0.22 / spacing_mm)
    parts = [ndimage.gaussian_filter(amplitude * random.normal(size=amplitude.shape), spread) for _ in range(2)]
    envelope = np.hypot(*parts)
    decibels = 20.0 * np.log10(envelope / np.quantile(envelope, 0.999) + 1e-9)
    return (np.clip(_GAIN + decibels / _DYNAMIC_RANGE_DB, 0.0, 1.0) * 235.0).astype(np.uint8)


def _stiffness(
    parameters: PhantomParameters,
    textures: _Textures,
    gland: NDArray[np.bool_],
    muscle: NDArray[np.bool_],
    edge_mm: FloatArray,
) -> FloatArray:
    """Young's modulus in kPa, smooth over about a millimeter as shear-wave maps are."""
    texture = textures.field(1.3, 1.3)
    if parameters.content == Content.SOFT:
        return np.clip(7.0 + 2.0 * texture, 1.0, None)
    if parameters.content == Content.STIFF:
        return np.clip(170.0 + 3.0 * texture, 1.0, None)
    layers = ndimage.gaussian_filter(np.select([muscle, gland], [38.0, 24.0], 11.0), 6.0)
    core, rim = _rises(-edge_mm, 0.45), np.exp(-0.5 * (edge_mm / 0.9) ** 2)
    stiffness = layers * (1.0 + 0.2 * texture) * (1.0 - core) + parameters.lesion_kpa * (1.0 + 0.08 * texture) * core
    return np.clip(stiffness + 0.3 * parameters.lesion_kpa * rim, 1.0, None)


def _void(
    parameters: PhantomParameters, textures: _Textures, depth: FloatArray, across: FloatArray
) -> NDArray[np.bool_]:
    """The part of the box where no shear wave arrives: deepest first, ragged, exactly the wanted share of the box."""
    void = np.zeros(depth.shape, dtype=bool)
    box = _box(parameters.spacing_mm).slices
    reach = (depth - np.abs(across - LESION_ASIDE_MM) + 1.5 * textures.field(1.2, 1.2))[box]
    count = round(parameters.void_share * reach.size)
    if count:
        void[box] = reach >= np.partition(reach.ravel(), reach.size - count)[reach.size - count]
    return void


def _box(spacing_mm: float) -> Rectangle:
    """The elastography box, centered on the lesion."""
    top = round((LESION_DEPTH_MM - BOX_HEIGHT_MM / 2) / spacing_mm)
    left = round((LESION_ASIDE_MM - BOX_WIDTH_MM / 2) / spacing_mm)
    return Rectangle(top, left, top + round(BOX_HEIGHT_MM / spacing_mm), left + round(BOX_WIDTH_MM / spacing_mm))


def _rises(distance_mm: FloatArray, width_mm: float) -> FloatArray:
    """From 0 to 1 as the distance goes from negative to positive."""
    return 1.0 / (1.0 + np.exp(-np.clip(distance_mm / width_mm, -60.0, 60.0)))
