"""A simulated breast: outline, thickness, power-law texture, strands, pectoral muscle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ..base.errors import ParameterError
from ..reading.mammogram import Mammogram
from . import exposure
from .backgrounds import COARSE, Background
from .strands import strands_mm


@dataclass(frozen=True)
class BreastParameters:
    """A simulated breast. Ranges are drawn from; all lengths in mm.

    Parameters
    ----------
    view : {"CC", "MLO"}
    spacing_mm : float
    frame_mm : (float, float)
        Height and width of the detector.
    density : (float, float)
        Volume share of glandular tissue. Mean 0.19, below 0.45 in 95 % of women (Yaffe et al., Med Phys 2009;36:5437).
    thickness_mm : (float, float)
        Compressed thickness.
    exponent : (float, float)
        Of the texture's power spectrum.
    laterality : {"L", "R"} or None
        Which breast; drawn where it is None.
    """

    view: str = "CC"
    spacing_mm: float = 0.07
    frame_mm: tuple[float, float] = (233.0, 179.0)
    density: tuple[float, float] = (0.08, 0.45)
    thickness_mm: tuple[float, float] = (35.0, 70.0)
    exponent: tuple[float, float] = (2.7, 3.2)
    laterality: str | None = None

    def __post_init__(self) -> None:
        if self.view not in ("CC", "MLO"):
            raise ParameterError(f"A simulated breast is seen in CC or MLO, not in {self.view}.")
        if not 0.03 <= self.spacing_mm <= 0.2:
            raise ParameterError(f"A pixel spacing of {self.spacing_mm:g} mm is outside 0.03 to 0.2 mm.")


class _Outline(NamedTuple):
    """The breast on the coarse grid, chest wall at the left edge."""

    depth_mm: NDArray[np.float32]  # distance to the skin line, 0 in air
    nipple_mm: tuple[float, float]
    muscle: NDArray[np.float32]  # share of the thickness that is pectoral muscle


def power_law_background(seed: int | list[int], parameters: BreastParameters | None = None) -> Background:
    """Simulate a mammogram without calcifications; the same seed gives the same pixels."""
    parameters = parameters or BreastParameters()
    rng = np.random.default_rng(seed)
    spacing_mm = parameters.spacing_mm
    rows, columns = (round(length / spacing_mm) for length in parameters.frame_mm)
    density, thickness_mm, exponent = (
        float(rng.uniform(*values)) for values in (parameters.density, parameters.thickness_mm, parameters.exponent)
    )
    drawn_laterality = str(rng.choice(["L", "R"]))
    laterality = parameters.laterality or drawn_laterality
    outline = _outline(rng, parameters, rows, columns)

    # everything fine happens in the box that holds the breast
    width = min(COARSE * (int(np.flatnonzero(outline.depth_mm.any(axis=0)).max()) + 2), columns)
    shape = (rows, width)
    depth_mm, muscle = (exposure.stretched(values, COARSE, shape) for values in (outline.depth_mm, outline.muscle))
    whole_mm, inner_mm = _thickness(depth_mm, thickness_mm, skin_mm=float(rng.uniform(1.2, 2.0)))
    glandular = _glandular(rng, outline, density, exponent, shape, spacing_mm)
    tissue = exposure.FAT + (exposure.GLANDULAR - exposure.FAT) * glandular
    tissue += muscle * (exposure.MUSCLE - tissue)
    attenuation = inner_mm * tissue + (whole_mm - inner_mm) * exposure.SKIN
    inside = np.clip(depth_mm / 6, 0, 1) * (1 - muscle)
    attenuation += (
        (exposure.VESSEL - exposure.FAT)
        * inside
        * strands_mm(rng, outline.depth_mm > 3, outline.nipple_mm, shape, spacing_mm)
    )
    noise_blur_pixels = float(rng.uniform(0.35, 0.75))
    exposed = exposure.expose(rng, attenuation, whole_mm, spacing_mm, noise_blur_pixels)

    return framed(
        exposed,
        breast=whole_mm > 0,
        excluded=muscle > 0.05 if parameters.view == "MLO" else None,
        nipple=(outline.nipple_mm[0] / spacing_mm, outline.nipple_mm[1] / spacing_mm),
        shape=(rows, columns),
        spacing_mm=spacing_mm,
        laterality=laterality,
        view=parameters.view,
        kind="power-law",
        parameters={
            **asdict(parameters),
            "seed": seed,
            "drawn": {
                "density": density,
                "thickness_mm": thickness_mm,
                "exponent": exponent,
                "noise_blur_pixels": noise_blur_pixels,
            },
        },
    )


def framed(
    exposed: exposure.Exposure,
    breast: NDArray[np.bool_],
    excluded: NDArray[np.bool_] | None,
    nipple: tuple[float, float],
    shape: tuple[int, int],
    spacing_mm: float,
    laterality: str,
    view: str,
    kind: str,
    parameters: dict[str, object],
) -> Background:
    """Put a breast whose chest wall is at the left into its frame; a right breast is mirrored."""

    def placed(values: NDArray) -> NDArray:
        padded = np.pad(values, [(0, 0), (0, shape[1] - values.shape[1])])
        return np.ascontiguousarray(padded[:, ::-1]) if laterality == "R" else padded

    column = nipple[1] if laterality == "L" else shape[1] - 1 - nipple[1]
    mammogram = Mammogram(
        pixels=placed(exposed.pixels),
        spacing_mm=(spacing_mm, spacing_mm),
        spacing_source="simulated",
        laterality=laterality,
        view=view,
        chest_wall_side="left" if laterality == "L" else "right",
        display_window=exposed.display_window,
        source={"kind": f"simulated, {kind}", "bits_stored": exposure.BITS_STORED},
    )
    return Background(
        mammogram=mammogram,
        breast=placed(breast),
        nipple=(nipple[0], column),
        kind=kind,
        step=1.0,
        white=exposure.WHITE,
        excluded=None if excluded is None else placed(excluded),
        parameters={**parameters, "grey_per_attenuation": exposed.grey_per_attenuation},
    )


def _outline(rng: Generator, parameters: BreastParameters, rows: int, columns: int) -> _Outline:
    pitch_mm = COARSE * parameters.spacing_mm
    y, x = np.meshgrid(
        np.arange(-(-rows // COARSE)) * pitch_mm, np.arange(-(-columns // COARSE)) * pitch_mm, indexing="ij"
    )
    height_mm, width_mm = parameters.frame_mm
    reach_mm = rng.uniform(0.42, 0.62) * width_mm
    lower_mm = rng.uniform(0.28, 0.4) * height_mm
    muscle = np.zeros_like(x)
    if parameters.view == "CC":
        middle_mm = height_mm * rng.uniform(0.45, 0.55)
        t = (y - middle_mm) / np.where(y > middle_mm, lower_mm, lower_mm * rng.uniform(0.9, 1.1))
        edge = reach_mm * np.maximum(1 - np.abs(t) ** rng.uniform(1.9, 2.4), 0) ** rng.uniform(0.5, 0.62)
    else:
        middle_mm = height_mm * rng.uniform(0.54, 0.62)
        lower = np.maximum(1 - np.abs((y - middle_mm) / lower_mm) ** 2, 0) ** 0.55
        upper = 1 - rng.uniform(0.35, 0.5) * np.clip((middle_mm - y) / middle_mm, 0, 1) ** 1.5
        edge = reach_mm * np.where(y > middle_mm, lower, upper)
        muscle_mm, muscle_end_mm = rng.uniform(0.25, 0.38) * width_mm, rng.uniform(0.42, 0.62) * height_mm
        border = muscle_mm * (1 - y / muscle_end_mm) + rng.uniform(-4, 8) * np.sin(np.pi * y / muscle_end_mm)
        muscle = np.where(y < muscle_end_mm, 0.35 * np.clip((border - x) / 14, 0, 1) ** 0.6, 0)
    nipple_y = middle_mm + rng.normal(0, 0.03) * height_mm
    nipple_row = round(nipple_y / pitch_mm)
    bump = rng.uniform(3, 6) * np.exp(-(((y - nipple_y) / 5.0) ** 2))
    breast = (x < edge + bump) & (edge > 1)
    depth = distance_transform_edt(np.pad(breast, ((1, 1), (1, 0)), mode="edge"), sampling=pitch_mm)[1:-1, 1:]
    # the edges of the image are not skin
    nipple_mm = (float(nipple_y), float(edge[nipple_row, 0]))
    return _Outline(
        gaussian_filter(depth, 1.0).astype(np.float32) * breast,
        nipple_mm,
        gaussian_filter(muscle, 2).astype(np.float32),
    )


def _thickness(
    depth_mm: NDArray[np.float32], thickness_mm: float, skin_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tissue crossed in all and inside the skin: flat between the paddles, round at the rim."""

    def profile(depth: NDArray[np.float32], full_mm: float) -> NDArray[np.float32]:
        rim_mm = 0.4 * full_mm
        return full_mm * np.sqrt(1 - (1 - np.clip(depth / rim_mm, 0, 1)) ** 2)

    return profile(depth_mm, thickness_mm), profile(depth_mm - skin_mm, thickness_mm - 2 * skin_mm)


def _glandular(
    rng: Generator, outline: _Outline, density: float, exponent: float, shape: tuple[int, int], spacing_mm: float
) -> NDArray[np.float32]:
    """Glandular share of the tissue above each pixel: a cone behind the nipple, broken up by power-law texture."""
    texture = exposure.power_law_texture(rng, shape, spacing_mm, exponent, stretch=rng.uniform(1.0, 2.0))
    nipple_y, nipple_x = outline.nipple_mm
    y = (np.arange(shape[0], dtype=np.float32) * spacing_mm - nipple_y)[:, None]
    x = np.arange(shape[1], dtype=np.float32) * spacing_mm
    spread_mm = 0.35 * nipple_x + 0.35 * np.maximum(nipple_x - x, 0)
    tendency = np.exp(-((y / spread_mm) ** 2)) * np.exp(-(((x - 0.55 * nipple_x) / (0.55 * nipple_x)) ** 4))
    level = texture + 2.0 * tendency.astype(np.float32)

    sample = level[::16, ::16][outline.depth_mm[::4, : -(-shape[1] // COARSE) : 4] > 0]

    def share(offset: float, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.float32(0.8) / (1 + np.exp(np.float32(-0.9) * (values + np.float32(offset))))

    low, high = -8.0, 8.0
    for _ in range(25):  # the offset that gives the wanted density
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle, sample).mean() < density else (low, middle)
    return share(low, level)
