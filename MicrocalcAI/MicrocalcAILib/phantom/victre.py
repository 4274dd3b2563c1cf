"""Projections of a simulated breast of the VICTRE trial: realistic anatomy, every tissue known.

The volumes are not part of Microcalc: github.com/DIDSR/VICTRE_PIPELINE (U.S. Food and Drug Administration, CC0) makes
them and holds one. Method: Badano et al., JAMA Network Open 2018;1:e185474.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from ..base.errors import ParameterError, UnreadableImageError
from . import exposure
from .backgrounds import COARSE, Background
from .power_law import framed
from .strands import strands_mm

NIPPLE_LABEL = 33
# label -> linear attenuation coefficient at about 20 keV, per mm
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
_NOT_SEEN = {0, 40, 50}  # air, the muscle behind the detector's edge, the compression paddle


@dataclass(frozen=True)
class VictreVolume:
    """Tissue labels of a compressed breast.

    Parameters
    ----------
    labels : uint8 array
        Axes: along the rays (the direction of compression), medial to lateral, chest wall to nipple. 0 air, 1 fat,
        2 skin, 29 glandular tissue, 33 nipple, 40 muscle, 50 compression paddle, 88 ligament, 95 terminal duct lobular
        unit, 125 duct, 150 artery, 225 vein.
    voxel_mm : float
    sha256 : str
        Of the labels, for the record.
    """

    labels: NDArray[np.uint8]
    voxel_mm: float
    sha256: str


def read_victre_volume(path: Path) -> VictreVolume:
    """Read a labeled breast volume, as VICTRE writes it (``pc_…_crop.mhd``) or in another format of SimpleITK.

    Raises
    ------
    UnreadableImageError
        When the file is no image.
    ParameterError
        When it is not a volume of cubic voxels with VICTRE's labels.
    """
    import SimpleITK as sitk

    name = Path(path).name
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise UnreadableImageError(
            f"The breast volume “{name}” cannot be read; a header needs its .raw file, unpacked, in the same folder."
        ) from error
    labels, spacing = sitk.GetArrayFromImage(image), np.array(image.GetSpacing())
    if labels.ndim != 3 or np.ptp(spacing) > 0.01 * spacing[0]:
        raise ParameterError(f"The breast volume “{name}” has to have three dimensions and cubic voxels.")
    found = set(np.unique(labels).tolist())
    if NIPPLE_LABEL not in found or not found <= _NOT_SEEN | set(ATTENUATION):
        raise ParameterError(f"The breast volume “{name}” holds other labels than those of VICTRE with a nipple.")
    return VictreVolume(labels.astype(np.uint8), float(spacing[0]), hashlib.sha256(labels.tobytes()).hexdigest())


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


def victre_background(
    volume: VictreVolume, seed: int | list[int], parameters: ProjectionParameters | None = None
) -> Background:
    """Project a volume in its direction of compression (CC); the same seed gives the same pixels.

    Parallel rays. Texture finer than the voxels continues the projection's own power spectrum; fine strands are added.
    """
    parameters = parameters or ProjectionParameters()
    rng = np.random.default_rng(seed)
    spacing_mm = parameters.spacing_mm
    magnification, glandular = (float(rng.uniform(*r)) for r in (parameters.magnification, parameters.glandular))
    tilt_degrees = (rng.uniform(-1, 1, 2) * parameters.tilt_degrees).tolist()
    upside_down = bool(rng.random() < 0.5)
    noise_blur_pixels = float(rng.uniform(0.35, 0.75))
    labels, voxel_mm = volume.labels, volume.voxel_mm
    coefficients = np.zeros(256, np.float32)
    for tissue, coefficient in ATTENUATION.items():
        coefficients[tissue] = coefficient
    coefficients[[29, 95, 125]] = exposure.FAT + glandular * (exposure.GLANDULAR - exposure.FAT)
    attenuation, thickness_mm = _projected(volume, coefficients, tilt_degrees)
    nipple_voxel = np.argwhere(labels == NIPPLE_LABEL).mean(axis=0)[1:]
    if upside_down:
        attenuation, thickness_mm = attenuation[::-1], thickness_mm[::-1]
        nipple_voxel[0] = labels.shape[1] - 1 - nipple_voxel[0]

    factor = voxel_mm * magnification / spacing_mm
    attenuation, thickness_mm = (
        np.asarray(zoom(values * magnification, factor, order=3, mode="nearest", grid_mode=True), np.float32)
        for values in (attenuation, thickness_mm)
    )
    thickness_mm[thickness_mm < 1] = 0
    attenuation += _sub_voxel_texture(rng, attenuation, thickness_mm, spacing_mm)
    nipple_mm = ((nipple_voxel + 0.5) * voxel_mm * magnification).tolist()
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
            "volume_sha256": volume.sha256,
        },
    )


def _projected(
    volume: VictreVolume, coefficients: NDArray[np.float32], tilt_degrees: list[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Line integrals and tissue thickness (mm): slices shifted in proportion to their height, then summed."""
    height, rows, columns = volume.labels.shape
    attenuation = np.zeros((rows, columns), np.float32)
    tissue = np.zeros((rows, columns), np.float32)
    is_tissue = (coefficients > 0).astype(np.float32)
    slopes = np.tan(np.deg2rad(tilt_degrees))
    for level, slice_labels in enumerate(volume.labels):
        across, out = (round((level - height / 2) * slope) for slope in slopes)
        # toward the chest wall the outermost column is repeated: the breast goes on behind the detector's edge
        moved = np.pad(slice_labels, ((abs(across),) * 2, (abs(out),) * 2), mode="edge")
        moved = moved[abs(across) - across :][:rows, abs(out) - out :][:, :columns]
        attenuation += coefficients[moved]
        tissue += is_tissue[moved]
    return attenuation * np.float32(volume.voxel_mm), tissue * np.float32(volume.voxel_mm)


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
