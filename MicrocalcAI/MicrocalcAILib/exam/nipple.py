"""The nipple on the breast's profile: a small bulge of the skin line, near the breast's foremost point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .coarse import CoarseBreast

PROFILE_STEP_MM = 0.5
_BASE_MM = 14.0  # standard deviation of the smoothing that leaves the breast and takes the nipple away
_NOISE_MM = 1.5
_REACH_MM = 45.0  # along the skin, between the foremost point and the nipple
_EDGE_MM = 12.0  # near the ends of the profile the smoothing leans on too little
_CLEAR_BULGE_MM = 1.2
_LEAST_CONFIDENCE = 0.2
_TIP_ERROR_MM, _CLEAR_ERROR_MM = 20.0, 4.0


@dataclass(frozen=True)
class Nipple:
    """Where the nipple is.

    Parameters
    ----------
    y_mm, x_mm : float
        From the center of pixel (0, 0).
    confidence : float
        0 to 1: how clearly a bulge stands out of the profile; 1 where a reader put it.
    source : {"profile", "foremost point", "reader"}
    error_mm : float
        Standard deviation to count with.
    """

    y_mm: float
    x_mm: float
    confidence: float
    source: str
    error_mm: float

    @property
    def position_mm(self) -> NDArray[np.float64]:
        """(y, x)."""
        return np.array([self.y_mm, self.x_mm])

    @classmethod
    def by_reader(cls, y_mm: float, x_mm: float) -> Nipple:
        """Where a reader put it."""
        return cls(y_mm, x_mm, 1.0, "reader", 1.0)


def find_nipple(breast: CoarseBreast, inward: tuple[float, float]) -> Nipple | None:
    """Find the nipple on the skin line.

    It is where the skin line lies farthest outside its smoothed self; that counts the more the nearer it is to the
    foremost point.

    Parameters
    ----------
    breast : CoarseBreast
    inward : (float, float)
        Unit vector (y, x) from the skin toward the chest wall.

    Returns
    -------
    Nipple or None
        None without a breast. Without a clear bulge, the foremost point with a low confidence.
    """
    profile = skin_profile(breast)
    if len(profile) < 20:
        return None
    length_mm = PROFILE_STEP_MM * np.arange(len(profile))
    # the foremost point of the smoothed breast: a flat front has no sharp one
    fine, base = (
        ndimage.gaussian_filter1d(profile, width / PROFILE_STEP_MM, axis=0, mode="nearest")
        for width in (_NOISE_MM, _BASE_MM)
    )
    front = -(base @ np.array(inward))
    tip = int(np.average(np.arange(len(front)), weights=np.exp((front - front.max()) / 1.5)))
    along = np.gradient(base, axis=0)
    normal = np.column_stack((-along[:, 1], along[:, 0]))
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    middle = breast.positions_mm(np.argwhere(breast.mask).mean(axis=0))
    normal *= np.sign(np.sum(normal * (base - middle), axis=1, keepdims=True) + 1e-9)
    bulge = np.sum((fine - base) * normal, axis=1)
    # smoothing pulls a round front inward everywhere: what counts is how much more it does at one place
    bulge -= ndimage.median_filter(bulge, size=int(2 * 25 / PROFILE_STEP_MM) | 1, mode="nearest")
    reach = np.abs(length_mm - length_mm[tip])
    inside = (length_mm > _EDGE_MM) & (length_mm < length_mm[-1] - _EDGE_MM) & (reach < _REACH_MM)
    near = np.where(inside, np.exp(-0.5 * (reach / (0.7 * _REACH_MM)) ** 2), 0)
    score = bulge / _CLEAR_BULGE_MM * near
    best = int(np.argmax(score))
    confidence = float(np.clip(score[best], 0, 1))
    if confidence < _LEAST_CONFIDENCE:
        y_mm, x_mm = profile[tip]
        return Nipple(float(y_mm), float(x_mm), _LEAST_CONFIDENCE, "foremost point", _TIP_ERROR_MM)
    y_mm, x_mm = profile[best]
    error_mm = _CLEAR_ERROR_MM + (1 - confidence) * (_TIP_ERROR_MM - _CLEAR_ERROR_MM)
    return Nipple(float(y_mm), float(x_mm), confidence, "profile", error_mm)


def skin_profile(breast: CoarseBreast) -> NDArray[np.float64]:
    """The skin line from one end to the other as positions (y, x) in mm, every 0.5 mm, shape (points, 2)."""
    from skimage.measure import find_contours

    if not breast.mask.any():
        return np.zeros((0, 2))
    padded = np.pad(ndimage.gaussian_filter(breast.mask.astype(np.float32), 1.0), 1)
    contour = max(find_contours(padded, 0.5), key=len) - 1
    last = np.array(breast.mask.shape) - 1
    at_border = ((contour < 1.5) | (contour > last - 1.5)).any(axis=1)
    if not at_border.any():
        opened = contour
    else:  # the longest run that is no image border
        turned = np.roll(contour, -int(np.flatnonzero(at_border)[0]), axis=0)
        border = np.roll(at_border, -int(np.flatnonzero(at_border)[0]))
        labels, _count = ndimage.label(~border)
        if not labels.any():
            return np.zeros((0, 2))
        opened = turned[labels == np.bincount(labels[labels > 0]).argmax()]
    points = breast.positions_mm(opened)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.arange(0.0, steps[-1], PROFILE_STEP_MM)
    return np.column_stack([np.interp(wanted, steps, points[:, axis]) for axis in (0, 1)])
