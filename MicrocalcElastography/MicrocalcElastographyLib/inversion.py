"""From the colors of an elastography box to values, with the share of the box that has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .blends import Blend, follows_brightness, likeliest_blend, recovered
from .color_scale import ColorScale
from .color_uncertainty import uncertainty_of
from .elastogram import Quality
from .unblending import OpacityEstimate, estimate_opacity, match_colors
from .uncertainty import Uncertainty

_WIDE_OPACITY_INTERVAL = 0.15  # relative to the opacity
_OPACITY_DISAGREEMENT = 0.1
_POOR_FIT = 12.0  # mean distance from the color table, in gray levels, that calls for a warning
_MUCH_OFF_TABLE = 0.1
_PRINTED_OPACITY_SD = 0.004  # printed in whole percents
_WORTH_SAYING = 0.005  # share of the box


@dataclass(frozen=True)
class InversionParameters:
    """How strictly colors are matched.

    Parameters
    ----------
    off_table_limit : float
        Pixels farther from the blended color table than this (8-bit gray levels) carry no value.
    border_px : int
        Width of the border of the box and around voids that is left out, because colors are mixed there.
    smoothing_px : int
        Colors are averaged over squares of this size, odd, before they are matched; 3 pixels are far less than the
        resolution of an elastogram, and take away most of the rounding that a weak overlay magnifies. 1 for none.
    saturation_share, high_saturation_share : float
        Values within this share of the range from the lower and from the upper end of the scale count as saturated. At
        the upper end the last colors of a bar are often blurred or too alike to be told apart.
    """

    off_table_limit: float = 24.0
    border_px: int = 3
    smoothing_px: int = 3
    saturation_share: float = 0.01
    high_saturation_share: float = 0.04

    def __post_init__(self) -> None:
        if not 1.0 <= self.off_table_limit <= 255.0:
            raise ParameterError(f"The off-table limit is 1 to 255 gray levels, not {self.off_table_limit:g}.")
        if not 0 <= self.border_px <= 50:
            raise ParameterError(f"The border left out is 0 to 50 pixels wide, not {self.border_px}.")
        if self.smoothing_px not in range(1, 16, 2):
            raise ParameterError(f"Colors are averaged over 1, 3, 5 … 15 pixels, not {self.smoothing_px}.")
        for share in (self.saturation_share, self.high_saturation_share):
            if not 0.0 < share < 0.5:
                raise ParameterError(f"The saturation share lies between 0 and 0.5, not at {share:g}.")

    def saturation_limits(self, low: float, high: float) -> tuple[float, float]:
        """Values at and beyond which pixels of a scale from ``low`` to ``high`` count as saturated."""
        return low + self.saturation_share * (high - low), high - self.high_saturation_share * (high - low)


@dataclass(frozen=True)
class Inversion:
    """Values of a color box: ``values`` float32 (NaN where not ``valid``), their uncertainty, quality, warnings."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    uncertainty: Uncertainty
    quality: Quality
    warnings: tuple[WarningRecord, ...]


def invert(
    colors: NDArray[np.uint8],
    scale: ColorScale,
    *,
    opacity: float | None = None,
    opacity_source: str = "given by the user",
    b_mode: NDArray[np.uint8] | None = None,
    parameters: InversionParameters = InversionParameters(),
) -> Inversion:
    """Values behind the colors of an elastography box.

    Parameters
    ----------
    colors : uint8 array, shape (rows, columns, 3)
        The box as shown on the screen.
    scale : ColorScale
    opacity : float or None
        Share of color in the blend, above 0 to 1. None estimates it: from the paired B-mode if there is one, else as
        the opacity that leaves the least residual, with a warning when several opacities explain the box.
    opacity_source : str
        Where a known opacity comes from, for the record.
    b_mode : uint8 array, shape (rows, columns), or None
        The same place in the B-mode panel without color.
    parameters : InversionParameters

    Raises
    ------
    UnsupportedImageError
        When the color table is gray or ambiguous.
    ParameterError
        When the opacity is outside its range or the arrays differ in shape.
    """
    if colors.ndim != 3 or colors.shape[2] != 3 or min(colors.shape[:2]) < 2 * parameters.border_px + 1:
        raise ParameterError("The elastography box is too small; it needs at least a few rows and columns of color.")
    if b_mode is not None and b_mode.shape != colors.shape[:2]:
        raise ParameterError("The paired B-mode image has another shape than the elastography box.")
    if opacity is not None and not 0.05 <= opacity <= 1.0:
        raise ParameterError(f"An opacity of {opacity:g} is impossible; give 0.05 to 1 (100 %).")

    warnings: list[WarningRecord] = []
    interval = None
    blend = Blend.DISPLAY
    unusual = None if b_mode is None or opacity == 1.0 else likeliest_blend(colors, b_mode, scale, opacity)
    estimate = estimate_opacity(colors, scale, b_mode) if opacity is None or b_mode is not None else None
    if unusual is not None:
        blend, estimate = unusual.blend, OpacityEstimate(unusual.opacity, (unusual.opacity, unusual.opacity))
        warnings.append(
            WarningRecord(
                "blend-unusual",
                f"The colors were blended {blend}, as the paired B-mode image shows; this was undone.",
            )
        )
    if opacity is None:
        opacity, interval = estimate if estimate is not None else (1.0, (0.0, 1.0))
        opacity_source = "paired B-mode" if b_mode is not None else "least residual"
        if interval[1] - interval[0] > _WIDE_OPACITY_INTERVAL * opacity:
            warnings.append(_opacity_uncertain(interval))
    elif estimate is not None and abs(estimate.opacity - opacity) > _OPACITY_DISAGREEMENT:
        warnings.append(
            WarningRecord(
                "opacity-disagrees",
                f"The opacity {opacity_source} is {opacity:.0%}, but the paired B-mode image suggests "
                f"{estimate.opacity:.0%}; the values depend on it, so check it.",
            )
        )

    with_brightness = b_mode is not None or opacity == 1.0
    scale.check_usable(with_brightness)
    match = match_colors(colors, scale, opacity, b_mode, parameters.smoothing_px)
    if blend is not Blend.DISPLAY and b_mode is not None:
        before = match_colors(recovered(colors, b_mode, opacity, blend), scale, 1.0, None, parameters.smoothing_px)
        match = match._replace(
            fractions=before.fractions, distance_to_scale=np.float32(opacity) * before.distance_to_scale
        )
    # At equal distance a pixel is void, never soft.
    like_b_mode = match.distance_to_b_mode <= np.minimum(match.distance_to_scale, parameters.off_table_limit)
    void = match.colorless | like_b_mode
    off_table = (match.distance_to_scale > parameters.off_table_limit) & ~void
    rivals = scale.ambiguous(with_brightness)
    ambiguous = rivals[(match.fractions * len(rivals)).astype(np.intp)] & ~void if rivals.any() else np.False_
    if (share := float(np.mean(ambiguous))) > _WORTH_SAYING:
        warnings.append(_ambiguous(share))
    off_table = off_table | ambiguous
    border = _near(void | off_table, parameters.border_px)
    valid = ~(void | off_table | border)
    values = np.where(valid, scale.values(match.fractions), np.nan).astype(np.float32)

    lowest, highest = parameters.saturation_limits(scale.low, scale.high)
    quality = Quality(
        pixels=valid.size,
        void_fraction=float(void.mean()),
        off_table_fraction=float(off_table.mean()),
        border_fraction=float(border.mean()),
        saturated_high_fraction=float((values >= highest).mean()),
        saturated_low_fraction=float((values <= lowest).mean()),
        off_table_residual=float(match.distance_to_scale[valid].mean()) if valid.any() else None,
        effective_opacity=float(opacity),
        opacity_source=opacity_source,
        opacity_interval=interval,
    )
    is_usual = blend is Blend.DISPLAY and opacity < 1.0
    if is_usual and follows_brightness(match.distance_to_scale[valid], colors.max(axis=2)[valid]):
        warnings.append(_blend_unknown())
    opacity_sd = _PRINTED_OPACITY_SD if interval is None else max((interval[1] - interval[0]) / 4, _PRINTED_OPACITY_SD)
    uncertainty = uncertainty_of(
        match.fractions, match.distance_to_scale, valid, scale, opacity, opacity_sd, with_brightness
    )
    return Inversion(values, valid, uncertainty, quality, (*warnings, *_fit_warnings(quality)))


def _near(excluded: NDArray[np.bool_], border_px: int) -> NDArray[np.bool_]:
    """Pixels within ``border_px`` of an excluded pixel or of the edge, excluded ones left out."""
    if border_px == 0:
        return np.zeros_like(excluded)
    square = np.ones((2 * border_px + 1, 2 * border_px + 1), dtype=bool)
    return ndimage.binary_dilation(np.pad(excluded, 1, constant_values=True), square)[1:-1, 1:-1] & ~excluded


def _ambiguous(share: float) -> WarningRecord:
    return WarningRecord(
        "ambiguous-colors",
        f"{share:.0%} of the box shows colors that stand for two clearly different values of this scale once the gray "
        "of the B-mode image is taken away; they carry no value.",
    )


def _blend_unknown() -> WarningRecord:
    return WarningRecord(
        "blend-unknown",
        "The colors lie the farther from the color bar the brighter they are: they were blended in another way than "
        "in display levels, so the values are uncertain; use a frame with the paired B-mode panel or without B-mode.",
    )


def _opacity_uncertain(interval: tuple[float, float]) -> WarningRecord:
    return WarningRecord(
        "opacity-uncertain",
        f"The box has too little color to tell its opacity: {interval[0]:.0%} to {interval[1]:.0%} explain it about "
        "equally well; enter the opacity set on the scanner or use a frame with the paired B-mode panel.",
    )


def _fit_warnings(quality: Quality) -> list[WarningRecord]:
    warnings = []
    if quality.off_table_residual is None:
        warnings.append(WarningRecord("no-elasticity", "No pixel of the box carries an elasticity value."))
    elif quality.off_table_residual > _POOR_FIT:
        warnings.append(
            WarningRecord(
                "colors-do-not-fit",
                f"The colors of the box lie {quality.off_table_residual:.0f} gray levels away from the color bar on "
                "average; check the bar, the opacity and the box.",
            )
        )
    if quality.off_table_fraction > _MUCH_OFF_TABLE:
        warnings.append(
            WarningRecord(
                "off-table-colors",
                f"{quality.off_table_fraction:.0%} of the box shows colors that are not on the color bar (text, "
                "outlines, calipers) and carries no value.",
            )
        )
    return warnings
