"""An image laid over the prior of its view: by outline and nipple first, then by what the breast looks like inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .coarse import CoarseBreast
from .place import Frame

if TYPE_CHECKING:
    import SimpleITK as sitk

LEAST_OVERLAP = 0.8
_CELL_MM = 1.0
_GRAY_LEVELS = 255.0


@dataclass(frozen=True)
class Alignment:
    """How positions of an image go over to its prior.

    Parameters
    ----------
    matrix, offset : float arrays, shapes (2, 2) and (2,)
        prior (y, x) in mm = matrix · (y, x) in mm + offset.
    overlap : float
        Dice coefficient of the breasts after alignment.
    method : {"nipple and posterior nipple line", "intensity"}
    error_mm : float
        Standard deviation to count with.
    breast_box_mm : (float, float, float, float)
        First and last y, first and last x that the prior's breast spans.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    overlap: float
    method: str
    error_mm: float
    breast_box_mm: tuple[float, float, float, float]

    @property
    def fits(self) -> bool:
        """Whether the breasts cover each other well enough to compare places."""
        return self.overlap >= LEAST_OVERLAP

    @property
    def reason(self) -> str:
        """Why not, in a sentence."""
        return f"The breast does not cover that of the prior well enough (overlap {self.overlap:.0%})."

    def to_prior(self, positions_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (y, x), shape (points, 2), in the prior."""
        found: NDArray[np.float64] = np.asarray(positions_mm, float) @ self.matrix.T + self.offset
        return found

    def shows(self, position_mm: NDArray[np.float64], radius_mm: float) -> bool:
        """Whether the middle of a region lies where the prior shows the breast."""
        top, bottom, left, right = self.breast_box_mm
        y, x = position_mm
        slack = radius_mm / 2
        return bool(top - slack <= y <= bottom + slack and left - slack <= x <= right + slack)


def align(now: CoarseBreast, frame: Frame, before: CoarseBreast, frame_before: Frame) -> Alignment:
    """Align an image to a prior of the same breast and view.

    Nipple is laid on nipple and posterior nipple line on posterior nipple line; from there an affine transform is
    sought by mutual information, which does not mind another vendor's gray values, and kept when the outlines then fit
    at least as well. A hanging that is mirrored is followed by the frames.
    """
    turn = np.column_stack([frame_before.inward, frame_before.upward]) @ np.array([frame.inward, frame.upward])
    offset = frame_before.nipple.position_mm - turn @ frame.nipple.position_mm
    overlap = _overlap(now, before, turn, offset)
    error_mm = float(np.hypot(frame.nipple.error_mm, frame_before.nipple.error_mm))
    box = _box_mm(before)
    start = Alignment(turn, offset, overlap, "nipple and posterior nipple line", error_mm, box)
    refined = _refined(now, before, start)
    if refined is None:
        return start
    matrix, shift = refined
    better = _overlap(now, before, matrix, shift)
    if better < overlap - 0.01 or not 0.6 < abs(np.linalg.det(matrix)) < 1.7:
        return start
    return Alignment(matrix, shift, better, "intensity", min(error_mm, 4.0), box)


def _box_mm(breast: CoarseBreast) -> tuple[float, float, float, float]:
    cells = np.argwhere(breast.mask)
    (top, left), (bottom, right) = breast.positions_mm(cells.min(axis=0)), breast.positions_mm(cells.max(axis=0))
    return float(top), float(bottom), float(left), float(right)


def _overlap(now: CoarseBreast, before: CoarseBreast, matrix: NDArray, offset: NDArray) -> float:
    """Dice coefficient on the prior's grid, only where both images show something."""
    cells = np.argwhere(np.ones(before.mask.shape, bool))[::3]
    back = np.linalg.inv(matrix)
    source = (before.positions_mm(cells) - offset) @ back.T
    found = np.rint((source - now.first_mm) / now.cell_mm).astype(np.intp)
    seen = ((found >= 0) & (found < now.mask.shape)).all(axis=1)
    first = before.mask[tuple(cells[seen].T)]
    second = now.mask[tuple(found[seen].T)]
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * float(np.count_nonzero(first & second)) / total if total else 0.0


def _refined(
    now: CoarseBreast, before: CoarseBreast, start: Alignment
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Affine transform that SimpleITK finds from a start; None where it finds none."""
    import SimpleITK as sitk

    flipped = np.linalg.det(start.matrix) < 0
    if flipped:
        return None
    back = np.linalg.inv(start.matrix)
    initial = sitk.AffineTransform(2)
    initial.SetMatrix(back[::-1, ::-1].ravel().tolist())  # (x, y) there, (y, x) here
    initial.SetTranslation((-back @ start.offset)[::-1].tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.5)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 60)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SetInitialTransform(initial, inPlace=False)
    try:
        found = method.Execute(_image(before), _image(now))
    except RuntimeError:  # the images hardly cover each other
        return None
    matrix = np.array([found.TransformPoint(point) for point in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))])
    shift = matrix[0][::-1]
    linear = np.column_stack([(matrix[2] - matrix[0])[::-1], (matrix[1] - matrix[0])[::-1]])
    forward = np.linalg.inv(linear)
    return forward, -forward @ shift


def _image(breast: CoarseBreast) -> sitk.Image:
    """The breast by ranks of its gray values at about 1 mm, air 0: raw, processed and film images look alike so."""
    import SimpleITK as sitk

    ranks = np.zeros(breast.mask.shape, np.float32)
    values = breast.pixels[breast.mask]
    if len(values):
        order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        ranks[breast.mask] = (0.2 + 0.8 * order / len(values)) * _GRAY_LEVELS
    steps = [max(1, round(_CELL_MM / cell)) for cell in breast.cell_mm]
    image = sitk.GetImageFromArray(np.ascontiguousarray(ranks[:: steps[0], :: steps[1]]))
    image.SetSpacing([breast.cell_mm[1] * steps[1], breast.cell_mm[0] * steps[0]])
    image.SetOrigin([breast.first_mm[1], breast.first_mm[0]])
    return image
