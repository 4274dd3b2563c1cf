"""Five-point elasticity scores by explicit rules, with the shares they were decided on.

The scores were defined for a reader's eye on strain elastograms; no standard thresholds exist. Every number in the
rules below is a parameter and a choice, and the shares are returned with the score so that a reader can judge it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.base.parameters import check_range

from .elastogram import Direction, Elastogram, Unit
from .measurement.regions import Region, depth_inside, ring_around, spacing_of, surroundings

Mask = NDArray[np.bool_]

COLOR_SHARE = "color shares (Yan & Fang 2025)"
TSUKUBA = "Tsukuba (Itoh 2006)"


@dataclass(frozen=True)
class Score:
    """A score, or why there is none.

    Parameters
    ----------
    definition : str
        `COLOR_SHARE` or `TSUKUBA`.
    value : int or None
        1 (soft) to 5 (stiff).
    reason : str
        The rule that decided, in words; without a score, what is missing.
    stiff_beyond : float or None
        Value from which a pixel counts as stiff, in ``unit``.
    unit : str
    shares : dict of str to float
        Shares of valid pixels, 0 to 1: ``stiff`` in the whole lesion and in its parts; ``without_value`` of the lesion.
    parameters : dict
    warnings : tuple of WarningRecord
    """

    definition: str
    value: int | None
    reason: str
    stiff_beyond: float | None
    unit: str
    shares: dict[str, float]
    parameters: dict[str, Any]
    warnings: tuple[WarningRecord, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "warnings": [dict(vars(warning)) for warning in self.warnings]}


@dataclass(frozen=True)
class ColorShareParameters:
    """Rules of the color-share score.

    Parameters
    ----------
    hard_share_of_scale : float
        Part of the scale, from its hard end, whose colors count as hard. 3/8: the blue part of a blue–green–red table,
        up to where green is as strong as blue.
    entirely : float
        Share of one kind from which the lesion is entirely of it (scores 1 and 5).
    mostly : float
        Share of one kind from which the lesion is mostly of it (scores 2 and 4); below it is mixed (3).
    largest_void_share : float
        With more of the lesion without a value there is no score.
    """

    hard_share_of_scale: float = 0.375
    entirely: float = 0.95
    mostly: float = 2 / 3
    largest_void_share: float = 0.25

    def __post_init__(self) -> None:
        check_range("hard_share_of_scale", self.hard_share_of_scale, 0.01, 0.99)
        check_range("mostly", self.mostly, 0.51, 0.99)
        check_range("entirely", self.entirely, self.mostly, 1.0)
        check_range("largest_void_share", self.largest_void_share, 0.0, 0.99)


@dataclass(frozen=True)
class TsukubaParameters:
    """Rules of the Tsukuba score.

    Parameters
    ----------
    stiff_factor : float
        A pixel is stiff when it is this many times stiffer than the median of the surrounding tissue.
    core_depth : float
        Depth of the core below the lesion's edge, as a share of its equivalent radius.
    ring_mm : float
        Width of the surroundings that a score of 5 involves.
    whole : float
        Stiff share from which the whole lesion is stiff (4, 5).
    ring_share : float
        Stiff share of the ring from which the surroundings are stiff too (5).
    core_share, rim_share : float
        Smallest stiff share of the core and largest of the rim of a lesion that is stiff in its center only (3).
    soft_share : float
        Stiff share below which the lesion strains like its surroundings (1).
    largest_void_share : float
        With more of the lesion without a value there is no score.
    """

    stiff_factor: float = 2.0
    core_depth: float = 0.5
    ring_mm: float = 2.0
    whole: float = 0.9
    ring_share: float = 0.5
    core_share: float = 0.65
    rim_share: float = 0.4
    soft_share: float = 0.1
    largest_void_share: float = 0.25

    def __post_init__(self) -> None:
        check_range("stiff_factor", self.stiff_factor, 1.05, 100.0)
        check_range("core_depth", self.core_depth, 0.05, 0.95)
        check_range("ring_mm", self.ring_mm, 0.1, 30.0, "mm")
        check_range("largest_void_share", self.largest_void_share, 0.0, 0.99)
        for name in ("whole", "ring_share", "core_share", "rim_share", "soft_share"):
            check_range(name, getattr(self, name), 0.01, 1.0)
        check_range("soft_share", self.soft_share, 0.01, self.whole)


def color_share_score(
    elastogram: Elastogram,
    lesion: Region,
    parameters: ColorShareParameters = ColorShareParameters(),
) -> Score:
    """The elasticity score of Yan & Fang 2025, from the shares of hard (blue) and soft (green) colors in the lesion.

    1 entirely soft, 2 mostly soft with some hard, 3 mixed, 4 mostly hard with some soft, 5 entirely hard. The scale's
    hard end is the low one of a strain map, whatever its colors.

    Parameters
    ----------
    elastogram : Elastogram
        With a scale (``value_range``).
    lesion : Region
    parameters : ColorShareParameters

    References
    ----------
    Yan, Fang: Diagnostic performance of ultrasound elastography … breast microcalcifications (2025), Image analysis.
    """
    score = _Scoring(COLOR_SHARE, elastogram, lesion, dict(vars(parameters)))
    if elastogram.value_range is None:
        return score.missing("The map has no color scale, so no part of it is hard or soft.")
    low, high = elastogram.value_range
    width = parameters.hard_share_of_scale * (high - low)
    score.stiff_beyond = high - width if elastogram.direction is Direction.STIFFER_IS_HIGHER else low + width
    if score.too_void(parameters.largest_void_share):
        return score.missing_values()
    hard = score.stiff_share("stiff", score.lesion)
    if hard >= parameters.entirely:
        return score.given(5, "entirely hard")
    if hard >= parameters.mostly:
        return score.given(4, "mostly hard with some soft areas")
    if hard > 1.0 - parameters.mostly:
        return score.given(3, "mixed hard and soft")
    if hard > 1.0 - parameters.entirely:
        return score.given(2, "mostly soft with some hard areas")
    return score.given(1, "entirely soft")


def tsukuba_score(
    elastogram: Elastogram,
    lesion: Region,
    parameters: TsukubaParameters = TsukubaParameters(),
) -> Score:
    """The Tsukuba score: 1 the lesion strains like its surroundings, 2 mosaic, 3 stiff center and soft periphery,
    4 the whole lesion stiff, 5 lesion and surroundings stiff.

    The reference is the median of the elastography box outside lesion and ring. The layered (blue–green–red) pattern
    of cysts is a word of its own, `descriptors.cyst_layers`.

    Parameters
    ----------
    elastogram : Elastogram
        With known pixel spacing.
    lesion : Region
    parameters : TsukubaParameters

    References
    ----------
    Itoh et al.: Breast disease: clinical application of US elastography for diagnosis. Radiology 239:341 (2006).
    """
    score = _Scoring(TSUKUBA, elastogram, lesion, dict(vars(parameters)))
    spacing = spacing_of(elastogram)
    ring = ring_around(elastogram, lesion, parameters.ring_mm)
    beyond = ~(score.lesion | ring.in_box(elastogram))
    reference = elastogram.values[beyond & elastogram.valid]
    if reference.size < max(np.count_nonzero(score.lesion) / 2, 1):
        return score.missing("Too little tissue around the lesion carries values to compare it with.")
    median = float(np.median(reference))
    stiffer_is_higher = elastogram.direction is Direction.STIFFER_IS_HIGHER
    score.stiff_beyond = median * parameters.stiff_factor if stiffer_is_higher else median / parameters.stiff_factor
    if median <= 0.0:
        return score.missing("The surrounding tissue measures zero, so nothing can be compared with it.")
    low, high = elastogram.value_range or (-np.inf, np.inf)
    if not low <= score.stiff_beyond <= high:
        return score.missing("The surrounding tissue is so stiff that the scale cannot show stiffer tissue.")
    if score.too_void(parameters.largest_void_share):
        return score.missing_values()
    near = surroundings(lesion.bounds, (1, 1))
    depth = depth_inside(lesion.mask[near], spacing)
    radius = np.sqrt(np.count_nonzero(lesion.mask) * spacing[0] * spacing[1] / np.pi)
    deep = np.zeros_like(lesion.mask)
    deep[near] = depth > min(parameters.core_depth * radius, 0.999 * depth.max())
    core = Region(deep, "core").in_box(elastogram)
    whole = score.stiff_share("stiff", score.lesion)
    in_core, in_rim = score.stiff_share("stiff_core", core), score.stiff_share("stiff_rim", score.lesion & ~core)
    in_ring = score.stiff_share("stiff_ring", ring.in_box(elastogram))
    if whole >= parameters.whole:
        if np.isnan(in_ring):
            return score.missing("The whole lesion is stiff, but the tissue around it carries no value: 4 or 5.")
        if in_ring >= parameters.ring_share:
            return score.given(5, "lesion and surroundings stiff")
        return score.given(4, "whole lesion stiff")
    if in_core >= parameters.core_share and in_rim <= parameters.rim_share:
        return score.given(3, "center stiff, periphery soft")
    if whole < parameters.soft_share:
        return score.given(1, "strains like the surroundings")
    return score.given(2, "mosaic of stiff and soft")


class _Scoring:
    """A score in the making: its shares so far."""

    def __init__(self, definition: str, elastogram: Elastogram, lesion: Region, parameters: dict[str, Any]) -> None:
        self._definition, self._elastogram, self._parameters = definition, elastogram, parameters
        self.lesion = lesion.in_box(elastogram)
        self.stiff_beyond: float | None = None
        self._shares: dict[str, float] = {}
        self._warnings: list[WarningRecord] = []
        pixels = np.count_nonzero(lesion.mask)
        self._void = 1.0 - float(np.count_nonzero(self.lesion & elastogram.valid) / pixels)
        self._shares["without_value"] = self._void
        if elastogram.unit != Unit.STRAIN:
            self._warnings.append(
                WarningRecord(
                    "score-of-shear-waves",
                    f"The {definition} score was defined on strain elastograms; this map shows {elastogram.unit}.",
                )
            )

    def too_void(self, largest: float) -> bool:
        return self._void > largest

    def stiff_share(self, name: str, part: Mask) -> float:
        """Share of the valid pixels of a part that are stiff; NaN without any, and then not among the shares."""
        assert self.stiff_beyond is not None
        values = self._elastogram.values[part & self._elastogram.valid]
        if not values.size:
            return float("nan")
        higher = self._elastogram.direction is Direction.STIFFER_IS_HIGHER
        stiff = values >= self.stiff_beyond if higher else values <= self.stiff_beyond
        self._shares[name] = float(stiff.mean())
        return self._shares[name]

    def missing_values(self) -> Score:
        return self.missing(f"{self._void:.0%} of the lesion carries no value; void is not soft.")

    def missing(self, reason: str) -> Score:
        return self._score(None, reason)

    def given(self, value: int, reason: str) -> Score:
        return self._score(value, reason)

    def _score(self, value: int | None, reason: str) -> Score:
        return Score(
            definition=self._definition,
            value=value,
            reason=reason,
            stiff_beyond=self.stiff_beyond,
            unit=str(self._elastogram.unit),
            shares=self._shares,
            parameters=self._parameters,
            warnings=tuple(self._warnings),
        )
