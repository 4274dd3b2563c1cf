"""Radiomics of many regions at once, by the definitions of pyradiomics 3.0.1 (van Griethuysen 2017).

Equal to pyradiomics on 2D images with its default settings, but defined for every region. Where pyradiomics refuses a
region or returns NaN:

* one pixel, one row, one column: as the formulas say; a pixel without any neighbor is its own neighbor in the
  co-occurrence matrix and a run of length 1; the Elongation of one pixel is 1;
* two pixels: RobustMeanAbsoluteDeviation is 0 (no pixel lies between the percentiles);
* Imc2 and MCC of a direction in which the levels are independent are 0, as pyradiomics documents; its code leaves such
  a direction out of the mean when rounding makes the argument of the square root negative.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.parameters import check_range
from .cooccurrence import COOCCURRENCE_FEATURES, cooccurrence_features
from .gray_levels import number_levels
from .intensities import FIRST_ORDER_FEATURES, MOST_LEVELS, first_order_features
from .regions import Regions
from .shapes import SHAPE_FEATURES, Geometry
from .size_matrices import SIZE_MATRIX_FEATURES, size_matrix_features

RADIOMICS_FEATURES = (
    *(f"original_firstorder_{name}" for name in FIRST_ORDER_FEATURES),
    *(f"original_shape2D_{name}" for name in SHAPE_FEATURES),
    *(f"original_glcm_{name}" for name in COOCCURRENCE_FEATURES),
    *(f"original_{name}" for name in SIZE_MATRIX_FEATURES),
)
ENGINES = ("microcalc", "pyradiomics")
GRAY_SCALES = ("surroundings", "raw")


@dataclass(frozen=True)
class FeatureSettings:
    """How calcifications and their surroundings are described.

    Gray scales differ between vendors, bit depths and exposures, and so does what a bin of 25 gray values means. By
    default pixel values are therefore expressed relative to each calcification's surroundings, (value − median) /
    robust standard deviation, and a gray level is half a standard deviation wide: the features do not change when an
    image is stored with other brightness or contrast, and a bright calcification keeps more levels than a faint one.

    Parameters
    ----------
    gray_scale : {"surroundings", "raw"}
        Values relative to the surroundings, or the image's own values.
    bin_width : float or None
        Width of a gray level, in the units of ``gray_scale``.
    bin_count : int or None
        Number of gray levels between the darkest and the brightest pixel of a region, instead of ``bin_width``.
    surroundings_mm : float
        The surroundings reach this far from the calcification (25 pixels of 0.07 mm, Marathe 2022).
    engine : {"microcalc", "pyradiomics"}
        Who computes; the second needs pyradiomics 3.0.1 to be installed. Same names, same values.

    Raises
    ------
    ParameterError
        For a value out of range, or when not exactly one of ``bin_width`` and ``bin_count`` is given.
    """

    gray_scale: str = "surroundings"
    bin_width: float | None = 0.5
    bin_count: int | None = None
    surroundings_mm: float = 1.75
    engine: str = "microcalc"

    def __post_init__(self) -> None:
        if self.gray_scale not in GRAY_SCALES:
            raise ParameterError(f"gray_scale has to be one of {', '.join(GRAY_SCALES)}, not “{self.gray_scale}”.")
        if self.engine not in ENGINES:
            raise ParameterError(f"engine has to be one of {', '.join(ENGINES)}, not “{self.engine}”.")
        if (self.bin_width is None) == (self.bin_count is None):
            raise ParameterError("Give either bin_width or bin_count, and None for the other.")
        if self.bin_width is not None:
            check_range("bin_width", self.bin_width, 1e-6, 1e6)
        if self.bin_count is not None:
            check_range("bin_count", self.bin_count, 2, 1024)
        check_range("surroundings_mm", self.surroundings_mm, 0.1, 20.0, "mm")

    @classmethod
    def pyradiomics_defaults(cls, engine: str = "microcalc") -> FeatureSettings:
        """What pyradiomics does without settings: the image's own values in bins of 25."""
        return cls(gray_scale="raw", bin_width=25.0, engine=engine)


def radiomics_features(
    pixels: NDArray[np.float32],
    regions: Regions,
    geometry: Geometry,
    centers: NDArray[np.float64],
    spreads: NDArray[np.float64],
    spacing_mm: tuple[float, float],
    settings: FeatureSettings,
) -> NDArray[np.float64]:
    """The 102 two-dimensional features of pyradiomics for every region.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
    regions : Regions
    geometry : Geometry
        Of the same regions.
    centers, spreads : float arrays, shape (regions,)
        Features describe (pixel − center) / spread.
    spacing_mm : (float, float)
    settings : FeatureSettings

    Returns
    -------
    float array, shape (regions, 102)
        In the order of ``RADIOMICS_FEATURES``. NaN for empty regions only: where pyradiomics refuses (one pixel, one
        row, one column) or returns NaN, the values of the module's own engine stand.

    Raises
    ------
    ParameterError
        When a pixel value is not finite, the gray levels are too narrow, or pyradiomics is wanted but missing.
    """
    intensities, levels = first_order_features(
        pixels,
        regions,
        centers,
        spreads,
        settings.bin_width or 0.0,
        settings.bin_count or 0,
        spacing_mm[0] * spacing_mm[1],
    )
    empty = regions.pixel_counts() == 0
    if np.any(np.isnan(intensities[~empty])):
        raise ParameterError(
            f"A region holds pixel values that are not finite, or more than {MOST_LEVELS:,} gray levels; "
            "check the image or choose a larger bin_width."
        )
    gray_levels = number_levels(levels, regions)
    features = np.hstack(
        (
            intensities,
            geometry.shape_features(),
            cooccurrence_features(gray_levels, regions),
            size_matrix_features(gray_levels, regions),
        )
    )
    features[empty] = np.nan
    if settings.engine == "pyradiomics":
        reference = pyradiomics_features(pixels, regions, centers, spreads, spacing_mm, settings)
        features = np.where(np.isnan(reference), features, reference)
    return features


def pyradiomics_features(
    pixels: NDArray[np.float32],
    regions: Regions,
    centers: NDArray[np.float64],
    spreads: NDArray[np.float64],
    spacing_mm: tuple[float, float],
    settings: FeatureSettings,
) -> NDArray[np.float64]:
    """As :func:`radiomics_features`, by pyradiomics itself on a crop around each region; NaN where it gives nothing."""
    try:
        radiomics = importlib.import_module("radiomics")
        extractors = importlib.import_module("radiomics.featureextractor")
    except ImportError as error:
        raise ParameterError("pyradiomics is not installed; choose the engine “microcalc”.") from error
    import SimpleITK as sitk

    features = np.full((len(regions), len(RADIOMICS_FEATURES)), np.nan)
    level = radiomics.logger.level
    radiomics.logger.setLevel(logging.CRITICAL)  # it would warn about its own defaults for every region
    try:
        bins = {"binWidth": settings.bin_width} if settings.bin_width else {"binCount": settings.bin_count}
        extractor = extractors.RadiomicsFeatureExtractor(additionalInfo=False, **bins)
        extractor.disableAllFeatures()
        for name in ("firstorder", "shape2D", "glcm", "glrlm", "glszm", "gldm", "ngtdm"):
            extractor.enableFeatureClassByName(name)
        for index in range(len(regions)):
            window = regions.window(index)
            if min(window.any(axis=0).sum(), window.any(axis=1).sum()) < 2:
                continue  # refused: nothing, one row or one column
            top, left = regions.tops[index] + 1, regions.lefts[index] + 1
            crop = pixels[top : top + window.shape[0] - 2, left : left + window.shape[1] - 2].astype(np.float64)
            # The frame stays: a mask without any 0 is refused. And no force2D: with it, pyradiomics keeps one of the
            # four directions of a 2D image.
            image = sitk.GetImageFromArray(np.pad((crop - centers[index]) / spreads[index], 1))
            mask = sitk.GetImageFromArray(window)
            for item in (image, mask):
                item.SetSpacing((float(spacing_mm[1]), float(spacing_mm[0])))
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # its means over nothing, on regions of two pixels
                found = extractor.execute(image, mask)
            features[index] = [float(found[name]) for name in RADIOMICS_FEATURES]
    finally:
        radiomics.logger.setLevel(level)
    return features
