"""Frames of a cine that show a new elastogram: the elasticity is refreshed far more slowly than the B-mode image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..color_scale import CHROMA_AND_GRAY
from ..geometry import Rectangle

CHANGED_CHROMA = 3.0
"""Mean change of chroma in the box, in gray levels, that makes a new elastogram; compression noise stays below."""


def unique_elastography_frames(
    frames: Iterable[NDArray[np.uint8]], box: Rectangle, changed_chroma: float = CHANGED_CHROMA
) -> list[int]:
    """Numbers (from 0) of the first frame of every elastogram of a cine.

    Only chroma is compared, so that a moving B-mode image under a half-transparent overlay does not count as a change.

    Parameters
    ----------
    frames : iterable of uint8 arrays, shape (rows, columns, 3)
    box : Rectangle
        The elastography box.
    changed_chroma : float
    """
    unique: list[int] = []
    shown: NDArray[np.float64] | None = None
    for number, frame in enumerate(frames):
        chroma = frame[box.slices] @ CHROMA_AND_GRAY[:2].T
        if shown is None or np.linalg.norm(chroma - shown, axis=2).mean() > changed_chroma:
            unique.append(number)
            shown = chroma
    return unique
