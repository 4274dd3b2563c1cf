"""Projections of the VICTRE breast: realistic anatomy, every tissue known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from ..base.errors import ParameterError, ResultError
from ..base.provenance import sha256_of_file
from ..base.resources import resource_path
from . import exposure
from .backgrounds import COARSE, Background
from .power_law import framed
from .strands import strands_mm

VOXEL_MM = 0.2
_VOLUME = "Phantoms/pc_1_crop.mhd"
NIPPLE_LABEL = 33
# label -> linear attenuation coefficient at about 20 keV, per mm; air and the compression paddles do not count
ATTENUATION = {
    1: exposure.FAT,
    2: exposure.SKIN,
    29: exposure.GLANDULAR,
    NIPPLE_LABEL: exposure.SKIN,
    88: exposure.GLANDULAR,
    95: exposure.GLANDULAR,
    125: exposure.GLANDULAR,
    150: exposure.VESSEL,
    225: exposure.VESSEL,
}


@dataclass(frozen=True)
class ProjectionParameters:
    """How the volume is projected. Ranges are drawn from.

    Parameters
    ----------
    spacing_mm : float
    magnification : (float, float)
        The breast's size against the volume's.
    tilt_degrees : float
        Rays run at up to this angle to the compression, in both directions: other overlaps of the same tissues.
    glandular : (float, float)
        Contrast of glandular tissue against its true one.
    """

    spacing_mm: float = 0.07
    magnification: tuple[float, float] = (0.95, 1.35)
    tilt_degrees: float = 6.0
    glandular: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        if not 0.03 <= self.spacing_mm <= 0.2:
            raise ParameterError(f"A pixel spacing of {self.spacing_mm:g} mm is outside 0.03 to 0.2 mm.")


def victre_background(seed: int | list[int], parameters: ProjectionParameters | None = None) -> Background:
    """Project the volume in its direction of compression (CC); the same seed gives the same pixels.

    Parallel rays. Texture finer than the voxels continues the projection's own power spectrum; fine strands are added.
    """
    parameters = parameters or ProjectionParameters()
    rng = np.random.default_rng(seed)
    spacing_mm = parameters.spacing_mm
    magnification, glandular = (float(rng.uniform(*r)) for r in (parameters.magnification, parameters.glandular))
    tilt_degrees = (rng.uniform(-1, 1, 2) * parameters.tilt_degrees).tolist()
    upside_down = bool(rng.random() < 0.5)
    noise_blur_pixels = float(rng.uniform(0.35, 0.75))
    labels = _volume()
    coefficients = np.zeros(256, np.float32)
    for tissue, coefficient in ATTENUATION.items():
        coefficients[tissue] = coefficient
    coefficients[[29, 95, 125]] = exposure.FAT + glandular * (exposure.GLANDULAR - exposure.FAT)
    attenuation, thickness_mm = _projected(labels, coefficients, tilt_degrees)
    nipple_voxel = np.argwhere(labels == NIPPLE_LABEL).mean(axis=0)[1:]
    if upside_down:
        attenuation, thickness_mm = attenuation[::-1], thickness_mm[::-1]
        nipple_voxel[0] = labels.shape[1] - 1 - nipple_voxel[0]

    factor = VOXEL_MM * magnification / spacing_mm
    attenuation, thickness_mm = (
        np.asarray(zoom(values * magnification, factor, order=3, mode="nearest", grid_mode=True), np.float32)
        for values in (attenuation, thickness_mm)
    )
    thickness_mm[thickness_mm < 1] = 0
    attenuation += _sub_voxel_texture(rng, attenuation, thickness_mm, spacing_mm)
    nipple_mm = ((nipple_voxel + 0.5) * VOXEL_MM * magnification).tolist()
    deep = thickness_mm > 0.8 * thickness_mm.max()
    strands = strands_mm(rng, deep[::COARSE, ::COARSE], nipple_mm, attenuation.shape, spacing_mm)
    attenuation += 0.5 * (exposure.VESSEL - exposure.FAT) * strands
    exposed = exposure.expose(rng, attenuation, thickness_mm, spacing_mm, noise_blur_pixels)
    rows, columns = attenuation.shape
    return framed(
        exposed,
        breast=thickness_mm > 0,
        excluded=None,
        nipple=(nipple_mm[0] / spacing_mm, nipple_mm[1] / spacing_mm),
        shape=(rows, columns + round(10 / spacing_mm)),
        spacing_mm=spacing_mm,
        laterality=str(rng.choice(["L", "R"])),
        view="CC",
        kind="victre",
        parameters={
            **asdict(parameters),
            "seed": seed,
            "drawn": {
                "magnification": magnification,
                "glandular": glandular,
                "tilt_degrees": tilt_degrees,
                "upside_down": upside_down,
                "noise_blur_pixels": noise_blur_pixels,
            },
            "volume_sha256": sha256_of_file(resource_path(_VOLUME).with_suffix(".raw.gz")),
        },
    )


@lru_cache(maxsize=1)
def _volume() -> NDArray[np.uint8]:
    """Tissue labels; axes: along the rays, medial to lateral, chest wall to nipple."""
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(resource_path(_VOLUME)))
    except RuntimeError as error:
        raise ResultError("The bundled breast volume is damaged; please reinstall Microcalc.") from error
    return np.asarray(sitk.GetArrayFromImage(image), np.uint8)


def _projected(
    labels: NDArray[np.uint8], coefficients: NDArray[np.float32], tilt_degrees: list[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Line integrals and tissue thickness (mm): slices shifted in proportion to their height, then summed."""
    height, rows, columns = labels.shape
    attenuation = np.zeros((rows, columns), np.float32)
    tissue = np.zeros((rows, columns), np.float32)
    is_tissue = (coefficients > 0).astype(np.float32)
    slopes = np.tan(np.deg2rad(tilt_degrees))
    for level, slice_labels in enumerate(labels):
        across, out = (round((level - height / 2) * slope) for slope in slopes)
        # toward the chest wall the outermost column is repeated: the breast goes on behind the detector's edge
        moved = np.pad(slice_labels, ((abs(across),) * 2, (abs(out),) * 2), mode="edge")
        moved = moved[abs(across) - across :][:rows, abs(out) - out :][:, :columns]
        attenuation += coefficients[moved]
        tissue += is_tissue[moved]
    return attenuation * np.float32(VOXEL_MM), tissue * np.float32(VOXEL_MM)


def _sub_voxel_texture(
    rng: Generator, attenuation: NDArray[np.float32], thickness_mm: NDArray[np.float32], spacing_mm: float
) -> NDArray[np.float32]:
    """Power-law texture finer than about two voxels, as strong as the projection's own detail lets expect."""
    # with a spectrum 1 / f³ a band of one octave has half the variance of the band below it
    own = gaussian_filter(attenuation, 0.4 / spacing_mm) - gaussian_filter(attenuation, 0.8 / spacing_mm)
    deep = thickness_mm > 0.95 * thickness_mm.max()
    finer = exposure.power_law_texture(rng, attenuation.shape, spacing_mm, 3.0, longest_mm=1.5)
    finer -= gaussian_filter(finer, 0.2 / spacing_mm)
    amplitude = float(own[deep].std()) * np.sqrt(0.5 / 2) / float(finer.std())
    return np.asarray(amplitude * finer * np.clip(thickness_mm / thickness_mm.max(), 0, 1), np.float32)
