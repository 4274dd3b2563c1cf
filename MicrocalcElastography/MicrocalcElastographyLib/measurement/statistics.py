"""Statistics of a region of an elastogram. Pixels without a value never enter them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError

from ..elastogram import Elastogram
from ..inversion import InversionParameters
from ..uncertainty import Uncertainty, interval_of_maximum, interval_of_mean
from .regions import bounds_of


@dataclass(frozen=True)
class RegionStatistics:
    """What a region measures, in the unit of its elastogram.

    Parameters
    ----------
    pixels, valid_pixels : int
        All pixels of the region inside the elastography box; those with a value.
    area_mm2 : float or None
        Of all pixels; None without pixel spacing.
    mean, maximum, minimum, standard_deviation, median, first_quartile, third_quartile : float or None
        Of the valid pixels; None when there is none. The standard deviation (n − 1) needs two.
    mean_interval, maximum_interval : (float, float) or None
        95 % intervals of mean and maximum from the noise of the pixels, the opacity, the bins and ends of the bar; None
        for maps that do not tell how sure their values are.
    saturated_high_share, saturated_low_share : float or None
        Share of the valid pixels at the upper and the lower end of the scale, where the true value may lie beyond;
        None for maps without a scale.
    """

    unit: str
    pixels: int
    valid_pixels: int
    area_mm2: float | None
    mean: float | None
    maximum: float | None
    minimum: float | None
    standard_deviation: float | None
    median: float | None
    first_quartile: float | None
    third_quartile: float | None
    saturated_high_share: float | None
    saturated_low_share: float | None
    mean_interval: tuple[float, float] | None = None
    maximum_interval: tuple[float, float] | None = None

    @property
    def void_share(self) -> float:
        """Share of the region without a value (void, text, outlines, and their borders), 0 to 1. Void is not soft."""
        return 1.0 - self.valid_pixels / self.pixels

    @property
    def saturated_share(self) -> float | None:
        """Share of the valid pixels at either end of the scale."""
        if self.saturated_high_share is None or self.saturated_low_share is None:
            return None
        return self.saturated_high_share + self.saturated_low_share

    @property
    def interquartile_range(self) -> float | None:
        """Third minus first quartile."""
        if self.first_quartile is None or self.third_quartile is None:
            return None
        return self.third_quartile - self.first_quartile

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "interquartile_range": self.interquartile_range,
            "void_share": self.void_share,
            "saturated_share": self.saturated_share,
        }


def region_statistics(elastogram: Elastogram, mask: NDArray[np.bool_]) -> RegionStatistics:
    """Statistics of a region.

    Parameters
    ----------
    elastogram : Elastogram
    mask : bool array, shape of its values

    Raises
    ------
    ParameterError
        When the mask has another shape or is empty.
    """
    if mask.shape != elastogram.values.shape:
        raise ParameterError("The region and the elastogram differ in shape.")
    pixels = int(np.count_nonzero(mask))
    if not pixels:
        raise ParameterError("The region holds no pixel of the elastography box; draw it inside the box.")
    near = bounds_of(mask).slices
    measured = mask[near] & elastogram.valid[near]
    values = elastogram.values[near][measured].astype(np.float64)
    intervals: list[tuple[float, float] | None] = [None, None]
    numbers: dict[str, float | None] = dict.fromkeys(
        ("mean", "maximum", "minimum", "standard_deviation", "median", "first_quartile", "third_quartile")
    )
    high_share = low_share = None
    if values.size:
        ordered = np.sort(values)  # numpy.percentile takes two to four times as long
        first, median, third = np.interp((0.25, 0.5, 0.75), np.linspace(0, 1, len(ordered)), ordered).tolist()
        numbers = {
            "mean": float(values.mean()),
            "maximum": float(ordered[-1]),
            "minimum": float(ordered[0]),
            "standard_deviation": float(values.std(ddof=1)) if values.size > 1 else None,
            "median": median,
            "first_quartile": first,
            "third_quartile": third,
        }
        if elastogram.uncertainty is not None:
            uncertainty = Uncertainty(*(part[near] for part in elastogram.uncertainty))
            intervals = [
                interval_of_mean(float(values.mean()), uncertainty, measured),
                interval_of_maximum(float(values.max()), uncertainty, measured),
            ]
        if elastogram.value_range is not None:
            lowest, highest = InversionParameters().saturation_limits(*elastogram.value_range)
            high_share = float((values >= highest).mean())
            low_share = float((values <= lowest).mean())
    spacing = elastogram.spacing_mm
    return RegionStatistics(
        unit=str(elastogram.unit),
        pixels=pixels,
        valid_pixels=int(values.size),
        area_mm2=None if spacing is None else pixels * spacing[0] * spacing[1],
        saturated_high_share=high_share,
        saturated_low_share=low_share,
        mean_interval=intervals[0],
        maximum_interval=intervals[1],
        **numbers,
    )
