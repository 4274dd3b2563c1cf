"""The empty part of a screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ground_color(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The color of the empty screen: the usual one along its edges, shape (3,)."""
    edges = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    return np.median(edges, axis=0).astype(np.uint8)
