"""Where in the breast something lies: along and across the posterior nipple line, depth, quadrant, clock face.

As images are usually hung, up is outer on cranio-caudal views and upper on oblique and lateral ones. An oblique view
is taken at an angle: up in it is upper and outer together, which is why one view leaves a quadrant uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ..base.errors import WarningRecord
from .coarse import CoarseBreast
from .identity import LATERAL, ImageIdentity
from .nipple import Nipple, find_nipple

USUAL_ANGLE_DEGREES = 45.0
"""Of oblique views whose angle nobody says; 30 to 60 degrees are used."""
ROLL_MM = 8.0
"""How far tissue moves across the posterior nipple line between compressions (standard deviation; chosen)."""
OUTER_SPREAD_MM = 25.0
"""Spread of lesions toward outer and inner, which an oblique view alone does not tell (standard deviation; chosen)."""
CENTRAL_MM = 12.0
_USUAL_SIDE = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class Frame:
    """A breast's own directions in one image.

    Parameters
    ----------
    nipple : Nipple
    inward : (float, float)
        Unit vector (y, x) of the posterior nipple line, from the nipple toward the chest wall.
    length_mm : float
        From the nipple along it to the pectoral muscle, else to the image border.
    across_known : bool
        Whether up in the image is known to be outer (cranio-caudal) or upper (oblique, lateral).
    """

    nipple: Nipple
    inward: tuple[float, float]
    length_mm: float
    across_known: bool

    @property
    def upward(self) -> tuple[float, float]:
        """Unit vector (y, x) across the posterior nipple line, toward the upper end of the image."""
        y, x = self.inward
        return (-abs(x), y if x > 0 else -y)

    def coordinates(self, positions_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Along and across the posterior nipple line in mm, shape (…, 2), of positions (y, x)."""
        offset = np.asarray(positions_mm, float) - self.nipple.position_mm
        return np.stack([offset @ np.array(self.inward), offset @ np.array(self.upward)], axis=-1)

    def position_mm(self, along_mm: float, across_mm: float) -> NDArray[np.float64]:
        """The position (y, x) of coordinates."""
        found: NDArray[np.float64] = (
            self.nipple.position_mm + along_mm * np.array(self.inward) + across_mm * np.array(self.upward)
        )
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            **vars(self.nipple),
            "inward": list(self.inward),
            "length_mm": self.length_mm,
            "across_known": self.across_known,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Frame:
        """Of :meth:`to_dict`."""
        nipple = Nipple(*(record[name] for name in ("y_mm", "x_mm", "confidence", "source", "error_mm")))
        y, x = record["inward"]
        return cls(nipple, (y, x), record["length_mm"], record["across_known"])


@dataclass(frozen=True)
class Place:
    """Where a cluster lies, as one view tells.

    Parameters
    ----------
    nipple_mm : float
        Distance from the nipple.
    along_mm, across_mm : float
        Along the posterior nipple line (inward), across it (outer or upper positive, by the view).
    depth : {"anterior", "middle", "posterior"}
        Third of the posterior nipple line.
    half : {"outer", "inner", "upper", "lower", "central", ""}
        The half of the breast; empty when the hanging does not tell.
    half_probability : float
        That the half is right; NaN for ``central`` and for none.
    skin_mm : float
        Distance to the skin line in the image.
    chest_wall_mm : float
        To the pectoral muscle, else to the image border at the chest wall, which the chest wall lies beyond.
    error_mm : float
        Standard deviation of the distances, from that of the nipple.
    """

    nipple_mm: float
    along_mm: float
    across_mm: float
    depth: str
    half: str
    half_probability: float
    skin_mm: float
    chest_wall_mm: float
    error_mm: float


@dataclass(frozen=True)
class Clock:
    """A place by two views, as the breast is seen from the front.

    Parameters
    ----------
    outer_mm, upper_mm : float
        From the nipple.
    hour : int or None
        1 to 12; None for a central place.
    quadrant : str
        ``upper outer``, ``upper inner``, ``lower outer``, ``lower inner`` or ``central``.
    probability : float
        That the quadrant is right.
    """

    outer_mm: float
    upper_mm: float
    hour: int | None
    quadrant: str
    probability: float


def frame_of(breast: CoarseBreast, identity: ImageIdentity) -> tuple[Frame | None, tuple[WarningRecord, ...]]:
    """The directions of a breast; None when it, or the side of the chest wall, was not found.

    The posterior nipple line stands upright on the edge of the pectoral muscle where one is seen, else on the image
    border at the chest wall.
    """
    label = identity.label
    if breast.chest_wall_side is None or not breast.mask.any():
        message = f"{label}: without the side of the chest wall, places in the breast are not known."
        return None, (WarningRecord("place-unknown", message),)
    warnings = []
    inward = inward_of(breast)
    nipple = find_nipple(breast, inward)
    if nipple is None:
        return None, (WarningRecord("place-unknown", f"{label}: no skin line was found, so no place in the breast."),)
    if nipple.source == "foremost point":
        message = f"{label}: the nipple is not seen; its place was taken as the foremost point. Please move it."
        warnings.append(WarningRecord("nipple-not-seen", message))
    if identity.view == "MLO" and not breast.muscle.any():
        message = f"{label}: no pectoral muscle was found; the posterior nipple line was drawn level."
        warnings.append(WarningRecord("pectoral-not-seen", message))
    across_known = _USUAL_SIDE.get(identity.laterality or "") == breast.chest_wall_side
    across_known = across_known and (identity.is_craniocaudal or identity.is_oblique)
    if not across_known:
        message = f"{label}: the image is not hung as usual or its view is not known; quadrants were left out."
        warnings.append(WarningRecord("quadrant-unknown", message))
    frame = Frame(nipple, inward, _line_length_mm(breast, nipple, inward), across_known)
    return frame, tuple(warnings)


def moved_nipple(frame: Frame, breast: CoarseBreast, y_mm: float, x_mm: float) -> Frame:
    """The frame after a reader put the nipple elsewhere."""
    nipple = Nipple.by_reader(y_mm, x_mm)
    return replace(frame, nipple=nipple, length_mm=_line_length_mm(breast, nipple, frame.inward))


def place_of(frame: Frame, breast: CoarseBreast, identity: ImageIdentity, y_mm: float, x_mm: float) -> Place:
    """The place of a position in an image, in mm from the center of pixel (0, 0)."""
    along, across = map(float, frame.coordinates(np.array([y_mm, x_mm])))
    row, column = breast.cells(np.array([y_mm, x_mm]))
    third = along / frame.length_mm if frame.length_mm > 0 else 0.0
    half, probability = _half(frame, identity, across)
    return Place(
        math.hypot(along, across),
        along,
        across,
        "anterior" if third < 1 / 3 else "middle" if third < 2 / 3 else "posterior",
        half,
        probability,
        float(breast.skin_mm[row, column]),
        _chest_wall_mm(breast, y_mm, x_mm),
        frame.nipple.error_mm,
    )


def clock_of(craniocaudal: Place, oblique: Place, laterality: str, identity: ImageIdentity) -> Clock | None:
    """Clock face and quadrant from a cranio-caudal and an oblique or lateral view; None when a half is not known.

    Outer is read from the cranio-caudal view; from the oblique view, seen at its angle, upper is what outer leaves.
    """
    if not (craniocaudal.half and oblique.half):
        return None
    angle = view_angle(identity)
    outer = craniocaudal.across_mm
    upper = (oblique.across_mm - outer * math.sin(angle)) / math.cos(angle)
    outer_error = math.hypot(ROLL_MM, craniocaudal.error_mm)
    upper_error = math.hypot(math.hypot(ROLL_MM, oblique.error_mm), outer_error * math.sin(angle)) / math.cos(angle)
    quadrant = f"{'upper' if upper >= 0 else 'lower'} {'outer' if outer >= 0 else 'inner'}"
    probability = float(norm.cdf(abs(outer) / outer_error) * norm.cdf(abs(upper) / upper_error))
    if math.hypot(outer, upper) < CENTRAL_MM:
        return Clock(outer, upper, None, "central", probability)
    toward_right = outer if laterality == "L" else -outer  # as one looks at the woman
    hour = round(math.degrees(math.atan2(toward_right, upper)) / 30) % 12
    return Clock(outer, upper, hour or 12, quadrant, probability)


def view_angle(identity: ImageIdentity) -> float:
    """How far a view is turned from a lateral one, in radians: up in it is upper · cos + outer · sin."""
    if identity.view in LATERAL:
        return 0.0
    said = identity.angle_degrees
    usable = said is not None and 20 <= said <= 75
    return math.radians(90 - (said if usable and said is not None else USUAL_ANGLE_DEGREES))


def _half(frame: Frame, identity: ImageIdentity, across_mm: float) -> tuple[str, float]:
    if not frame.across_known:
        return "", math.nan
    error_mm = math.hypot(ROLL_MM, frame.nipple.error_mm)
    if identity.is_oblique:  # outer and inner, which this view adds to upper and lower, are not known
        error_mm = math.hypot(error_mm, OUTER_SPREAD_MM * math.sin(view_angle(identity)))
    if abs(across_mm) < CENTRAL_MM / 2:
        return "central", math.nan
    words = ("outer", "inner") if identity.is_craniocaudal else ("upper", "lower")
    return words[0] if across_mm > 0 else words[1], float(norm.cdf(abs(across_mm) / error_mm))


def inward_of(breast: CoarseBreast) -> tuple[float, float]:
    """Unit vector (y, x) of the posterior nipple line: upright on the muscle's edge, or on the chest wall's border."""
    x = -1.0 if breast.chest_wall_side == "left" else 1.0
    rows = np.flatnonzero(breast.muscle.any(axis=1))
    if len(rows) * breast.cell_mm[0] < 25:
        return 0.0, x
    front = breast.muscle if breast.chest_wall_side == "left" else breast.muscle[:, ::-1]
    depth_mm = breast.cell_mm[1] * (front.shape[1] - np.argmax(front[rows][:, ::-1], axis=1))
    slope = np.polyfit(rows * breast.cell_mm[0], depth_mm, 1)[0]  # negative: the muscle is narrower below
    steepness = min(max(-float(slope), 0.0), 1.2)
    size = math.hypot(1.0, steepness)
    return -steepness / size, x / size


def _line_length_mm(breast: CoarseBreast, nipple: Nipple, inward: tuple[float, float]) -> float:
    """Length of the posterior nipple line: to the muscle, else to where the breast ends at the image border."""
    reach = math.hypot(*(count * cell for count, cell in zip(breast.mask.shape, breast.cell_mm, strict=True)))
    lengths = np.arange(0.0, reach, 0.5)
    points = nipple.position_mm + lengths[:, None] * np.array(inward)
    cells = np.rint((points - breast.first_mm) / breast.cell_mm).astype(np.intp)
    inside = ((cells >= 0) & (cells < breast.mask.shape)).all(axis=1)
    in_muscle = np.zeros(len(lengths), bool)
    in_muscle[inside] = breast.muscle[tuple(cells[inside].T)]
    ends = np.flatnonzero(in_muscle | ~inside)
    return float(lengths[ends[0]]) if len(ends) else float(lengths[-1])


def _chest_wall_mm(breast: CoarseBreast, y_mm: float, x_mm: float) -> float:
    if breast.muscle.any():
        offsets = breast.positions_mm(np.argwhere(breast.muscle)) - (y_mm, x_mm)
        return float(np.sqrt((offsets**2).sum(axis=1).min()))
    last_mm = float(breast.positions_mm(np.array(breast.mask.shape) - 1)[1]) + breast.cell_mm[1] / 2
    return x_mm if breast.chest_wall_side == "left" else last_mm - x_mm
