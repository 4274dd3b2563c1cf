"""A cine or a volume as a whole: which frames hold a new elastogram, where it is steady, and which frame to measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.progress import Progress, no_progress

from .calibration import Calibration
from .conversion import elastogram_of_screen
from .elastogram import Elastogram
from .geometry import Rectangle
from .protocol import RepeatSpread, repeat_spread
from .reading import elastography_frames, read_screen
from .screen.frame import ScreenFrame
from .screen_calibration import find_calibration

STRETCH = 5
"""New elastograms in a row that a scanner takes to settle; a choice."""
_NEAR_BAR = 0.35  # of the bar's length: the surroundings that hold its labels
_CHANGED_LEVEL, _CHANGED_SHARE = 60, 0.004  # gray levels; share of these surroundings

Mask = NDArray[np.bool_]
FindRegion = Callable[[Elastogram], Mask]
"""From the first elastogram, the pixels of its box that are followed."""


@dataclass(frozen=True)
class CineFrame:
    """A frame with a new elastogram: its number, and the mean and share of valid pixels of what is followed."""

    frame: int
    mean: float | None
    valid_share: float


@dataclass(frozen=True)
class CineSummary:
    """A cine in numbers.

    Parameters
    ----------
    frames : int
        Of the file.
    unit : str
    shown : tuple of CineFrame
        Frames with a new elastogram.
    stretch : tuple of int
        Frames of the steadiest stretch.
    temporal_sd : float or None
        Standard deviation (n − 1) over the stretch: at every pixel, then the median of them; None for one frame.
    spread : RepeatSpread or None
        Of the means over the stretch; None when nothing has a value.
    chosen : int
        The frame to measure.
    reason : str
        Why, in one sentence.
    warnings : tuple of WarningRecord
    """

    frames: int
    unit: str
    shown: tuple[CineFrame, ...]
    stretch: tuple[int, ...]
    temporal_sd: float | None
    spread: RepeatSpread | None
    chosen: int
    reason: str
    warnings: tuple[WarningRecord, ...]


def follow_cine(
    path: Path,
    given: Calibration | None = None,
    find_region: FindRegion | None = None,
    stretch: int = STRETCH,
    progress: Progress = no_progress,
) -> CineSummary:
    """Read every new elastogram of a cine and find the steadiest stretch of them.

    The screen is calibrated once, and again only when the bar or its labels change.

    Parameters
    ----------
    path : Path
        A DICOM file of one or many frames, or a picture.
    given : Calibration or None
        What the user knows better than the screen tells.
    find_region : callable or None
        What is followed; None takes the whole elastography box.
    stretch : int
        New elastograms in a row, at least 1.
    progress : Progress

    Raises
    ------
    ParameterError
        When no frame holds an elastogram, or something has to be asked for.
    """
    numbers = elastography_frames(path, given, progress=progress)
    if not numbers:
        raise ParameterError("No frame of this file shows an elastogram.")

    def screens() -> Iterator[tuple[int, ScreenFrame]]:
        for done, number in enumerate(numbers):
            progress("Reading elastograms", done, len(numbers))
            yield number, read_screen(path, number)

    return follow_screens(screens(), given, find_region, stretch)


def follow_screens(
    screens: Iterable[tuple[int, ScreenFrame]],
    given: Calibration | None = None,
    find_region: FindRegion | None = None,
    stretch: int = STRETCH,
    frames: int | None = None,
) -> CineSummary:
    """As `follow_cine`, for numbered screens that each show a new elastogram.

    Parameters
    ----------
    screens : iterable of (int, ScreenFrame)
        At least one, in the order of time.
    given, find_region, stretch
        See `follow_cine`.
    frames : int or None
        Of the whole cine; None takes what the screens know of their file.
    """
    if stretch < 1:
        raise ParameterError("The steadiest stretch has at least one elastogram.")
    followed: Mask | None = None
    shown, values = [], []
    elastogram = None
    for number, elastogram in _elastograms(screens, given):
        if followed is None:
            followed = np.ones(elastogram.values.shape, dtype=bool) if find_region is None else find_region(elastogram)
            box = elastogram.box
        if elastogram.box != box:
            raise ParameterError("The elastography box moves or changes its size; give one frame (--frame) instead.")
        inside = np.where(followed, elastogram.values, np.nan)[followed]
        valid = np.isfinite(inside)
        shown.append(
            CineFrame(
                number,
                float(inside[valid].mean()) if valid.any() else None,
                float(valid.mean()),
            )
        )
        values.append(inside)
    assert elastogram is not None
    first, length = steadiest_stretch(values, stretch)
    part = np.array(values[first : first + length])
    chosen = first + _most_typical(part)
    means = [frame.mean for frame in shown[first : first + length] if frame.mean is not None]
    return CineSummary(
        frames=frames or int(elastogram.source["frames"]),
        unit=str(elastogram.unit),
        shown=tuple(shown),
        stretch=tuple(frame.frame for frame in shown[first : first + length]),
        temporal_sd=_temporal_sd(part),
        spread=repeat_spread(means) if means else None,
        chosen=shown[chosen].frame,
        reason=_reason(len(shown), length),
        warnings=elastogram.warnings,
    )


def steadiest_stretch(values: Sequence[NDArray[np.floating]], longest: int) -> tuple[int, int]:
    """First index and number of consecutive maps that change least.

    The change of a stretch is the median over pixels of their temporal standard deviation; pixels that are void in one
    of the maps count as changed as much as the most changed one, so that a void is never the steadiest place.

    Parameters
    ----------
    values : sequence of float arrays of one shape, NaN where void
    longest : int
    """
    length = min(longest, len(values))
    if length == 1:
        return int(np.argmax([np.isfinite(value).mean() for value in values])), 1
    stack = np.array(values, dtype=np.float64).reshape(len(values), -1)
    changes = []
    for first in range(len(stack) - length + 1):
        deviation = stack[first : first + length].std(axis=0, ddof=1)
        changes.append(np.where(np.isfinite(deviation), deviation, np.inf))
    medians = [float(np.median(change)) for change in changes]
    known = [float(np.isfinite(change).mean()) for change in changes]
    best = min(range(len(changes)), key=lambda first: (medians[first], -known[first], first))
    return best, length


def _temporal_sd(part: NDArray[np.floating]) -> float | None:
    if len(part) < 2:
        return None
    deviation = part.std(axis=0, ddof=1)
    return float(np.nanmedian(deviation)) if np.isfinite(deviation).any() else None


def _most_typical(part: NDArray[np.floating]) -> int:
    """The map nearest to the median of the stretch; of equals the first."""
    everywhere = np.isfinite(part).all(axis=0)
    if not everywhere.any():
        return int(np.isfinite(part).mean(axis=1).argmax())
    typical = np.median(part[:, everywhere], axis=0)
    return int(np.abs(part[:, everywhere] - typical).mean(axis=1).argmin())


def _reason(shown: int, length: int) -> str:
    if shown == 1:
        return "It is the only elastogram of the file."
    if length == 1:
        return "It has values in the largest share of the box."
    return f"Of the {length} elastograms in a row that change least it is nearest to their median."


def _elastograms(
    screens: Iterable[tuple[int, ScreenFrame]], given: Calibration | None
) -> Iterator[tuple[int, Elastogram]]:
    calibration: Calibration | None = None
    calibrated: ScreenFrame | None = None
    for number, screen in screens:
        if calibration is None or calibrated is None or _bar_changed(calibrated, screen, calibration.bar):
            calibration, calibrated = find_calibration(screen, given), screen
        yield number, elastogram_of_screen(screen, calibration)


def _bar_changed(before: ScreenFrame, now: ScreenFrame, bar: Rectangle | None) -> bool:
    if bar is None:
        return False
    around = bar.grown(round(_NEAR_BAR * max(bar.height, bar.width)))
    place = around.intersection(Rectangle(0, 0, *before.rgb.shape[:2])).slices
    difference = np.abs(before.rgb[place].astype(np.int16) - now.rgb[place]).max(axis=2)
    return bool((difference > _CHANGED_LEVEL).mean() > _CHANGED_SHARE)
