"""Shape of many regions: pyradiomics' shape2D and scikit-image's region properties from one pass over the masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from .regions import Regions

SHAPE_FEATURES = (
    "MeshSurface",
    "PixelSurface",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "Sphericity",
    "MaximumDiameter",
    "MajorAxisLength",
    "MinorAxisLength",
    "Elongation",
)
REGION_PROPERTIES = (
    "area",
    "area_convex",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "equivalent_diameter_area",
    "extent",
    "intensity_max",
    "intensity_mean",
    "intensity_min",
    "orientation",
    "perimeter",
    "solidity",
)


class Geometry:
    """Geometric measurements of regions, from which both feature sets follow.

    Parameters
    ----------
    regions : Regions
    spacing_mm : (float, float)
    """

    def __init__(self, regions: Regions, spacing_mm: tuple[float, float]) -> None:
        row_mm, column_mm = map(float, spacing_mm)
        raw = np.zeros((len(regions), 11))
        _measure(regions.mask, regions.starts, regions.widths, row_mm, column_mm, raw)
        (
            pixels,
            mesh,
            across,
            down,
            slanted,
            self.diameter_mm,
            convex,
            row_row,
            column_column,
            row_column,
            perimeter,
        ) = raw.T
        pixel_mm2 = row_mm * column_mm
        self.area_mm2 = pixels * pixel_mm2
        self.mesh_area_mm2 = mesh * pixel_mm2
        self.mesh_perimeter_mm = across * column_mm + down * row_mm + slanted * np.hypot(row_mm, column_mm) / 2
        self.convex_area_mm2 = convex * pixel_mm2
        self.perimeter_mm = perimeter * np.sqrt(pixel_mm2)
        self.row_variance = row_row * row_mm**2
        self.column_variance = column_column * column_mm**2
        self.covariance = row_column * pixel_mm2
        # The smaller root as determinant / larger root: exactly 0 for pixels on one line.
        spread = np.hypot(self.row_variance - self.column_variance, 2 * self.covariance)
        self.major_variance = (self.row_variance + self.column_variance + spread) / 2
        determinant = np.maximum(row_row * column_column - row_column**2, 0) * pixel_mm2**2
        self.minor_variance = np.minimum(_ratio(determinant, self.major_variance, 0.0), self.major_variance)

    def shape_features(self) -> NDArray[np.float64]:
        """pyradiomics' nine 2D shape features, in the order of ``SHAPE_FEATURES``.

        Lengths in mm, areas in mm². One pixel has no longer axis: its elongation is 1.
        """
        return np.column_stack(
            (
                self.mesh_area_mm2,
                self.area_mm2,
                self.mesh_perimeter_mm,
                _ratio(self.mesh_perimeter_mm, self.mesh_area_mm2, np.nan),
                _ratio(2 * np.sqrt(np.pi * self.mesh_area_mm2), self.mesh_perimeter_mm, np.nan),
                self.diameter_mm,
                4 * np.sqrt(self.major_variance),
                4 * np.sqrt(self.minor_variance),
                np.sqrt(_ratio(self.minor_variance, self.major_variance, 1.0)),
            )
        )

    def region_properties(
        self,
        box_area_mm2: NDArray[np.float64],
        maximum: NDArray[np.float64],
        mean: NDArray[np.float64],
        minimum: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """scikit-image's thirteen region properties, in the order of ``REGION_PROPERTIES``.

        Lengths in mm, areas in mm², angle in radians; scikit-image gives no perimeter for pixels that are not square,
        here it is counted on the pixel grid and scaled by the geometric mean of the spacings.
        """
        difference = self.row_variance - self.column_variance
        orientation = np.where(
            difference == 0,
            np.where(self.covariance > 0, np.pi / 4, -np.pi / 4),
            0.5 * np.arctan2(2 * self.covariance, difference),
        )
        return np.column_stack(
            (
                self.area_mm2,
                self.convex_area_mm2,
                4 * np.sqrt(self.major_variance),
                4 * np.sqrt(self.minor_variance),
                np.sqrt(1 - _ratio(self.minor_variance, self.major_variance, 1.0)),
                np.sqrt(4 * self.area_mm2 / np.pi),
                self.area_mm2 / box_area_mm2,
                maximum,
                mean,
                minimum,
                orientation,
                self.perimeter_mm,
                self.area_mm2 / self.convex_area_mm2,
            )
        )


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64], otherwise: float) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.full(len(numerator), otherwise), where=denominator > 0)


@kernel
def _chain(ends, sign, ys, xs):  # type: ignore[no-untyped-def]
    """Convex chain through one side's extreme points; returns the number of vertices written to ys, xs."""
    size = 0
    for y in range(len(ends)):
        x = ends[y]
        if abs(x) == 2**31:  # no pixel touches this line
            continue
        while size >= 2:
            turn = (ys[size - 1] - ys[size - 2]) * (x - xs[size - 2]) - (xs[size - 1] - xs[size - 2]) * (
                y - ys[size - 2]
            )
            if turn * sign >= 0:
                break
            size -= 1
        ys[size], xs[size] = y, x
        size += 1
    return size


@kernel
def _measure(mask, starts, widths, row_mm, column_mm, result):  # type: ignore[no-untyped-def]
    """Eleven raw measurements per region; see the unpacking in ``Geometry``."""
    for index in range(len(widths)):
        width = widths[index]
        height = (starts[index + 1] - starts[index]) // width
        window = mask[starts[index] : starts[index + 1]].reshape((height, width))
        # Outline points are pixel centers ± half a pixel along each axis; doubled to whole numbers.
        left = np.full(2 * height + 1, 2**31, np.int64)
        right = np.full(2 * height + 1, -(2**31), np.int64)
        count, sum_r, sum_c, sum_rr, sum_cc, sum_rc = 0, 0, 0, 0, 0, 0
        squares = np.zeros(16, np.int64)  # how often each pattern of 2 × 2 pixels occurs
        perimeter = 0.0
        for r in range(height - 1):
            in_row, row_c = 0, 0
            first, last = width, 0
            for c in range(width - 1):
                pattern = window[r, c] + 2 * window[r, c + 1] + 4 * window[r + 1, c] + 8 * window[r + 1, c + 1]
                if pattern == 0:
                    continue
                squares[pattern] += 1
                if window[r, c]:
                    in_row += 1
                    row_c += c
                    sum_cc += c * c
                    first, last = min(first, c), c
                    if _is_border(window, r, c):
                        perimeter += _border_length(window, r, c)
            if in_row == 0:
                continue
            count += in_row
            sum_r += r * in_row
            sum_c += row_c
            sum_rr += r * r * in_row
            sum_rc += r * row_c
            left[2 * r] = min(left[2 * r], 2 * first - 1)
            right[2 * r] = max(right[2 * r], 2 * last + 1)
            for y in range(2 * r - 1, 2 * r + 2, 2):
                left[y] = min(left[y], 2 * first)
                right[y] = max(right[y], 2 * last)
        if count == 0:
            continue
        left_ys, left_xs = np.empty(2 * height + 1, np.int64), np.empty(2 * height + 1, np.int64)
        right_ys, right_xs = np.empty(2 * height + 1, np.int64), np.empty(2 * height + 1, np.int64)
        left_size = _chain(left, np.int64(1), left_ys, left_xs)  # literals would be compiled one by one
        right_size = _chain(right, np.int64(-1), right_ys, right_xs)
        ys = np.concatenate((left_ys[:left_size], right_ys[:right_size]))
        xs = np.concatenate((left_xs[:left_size], right_xs[:right_size]))
        longest = 0.0
        for i in range(len(ys)):
            for j in range(i):
                longest = max(longest, ((ys[i] - ys[j]) * row_mm) ** 2 + ((xs[i] - xs[j]) * column_mm) ** 2)
        convex, i, j = 0, 0, 0
        for y in range(left_ys[0] + 1, left_ys[left_size - 1], 2):  # lines through pixel centers
            while left_ys[i + 1] < y:
                i += 1
            while right_ys[j + 1] < y:
                j += 1
            rise = left_ys[i + 1] - left_ys[i]
            first = -((-(left_xs[i] * rise + (left_xs[i + 1] - left_xs[i]) * (y - left_ys[i]))) // (2 * rise))
            rise = right_ys[j + 1] - right_ys[j]
            last = (right_xs[j] * rise + (right_xs[j + 1] - right_xs[j]) * (y - right_ys[j])) // (2 * rise)
            convex += last - first + 1
        result[index, 0] = count
        # Marching squares: area inside the outline, and its lines across, down and slanted (half a diagonal each).
        corners = squares[1] + squares[2] + squares[4] + squares[8]
        notches = squares[7] + squares[11] + squares[13] + squares[14]
        halves = squares[3] + squares[5] + squares[10] + squares[12]
        opposite = squares[6] + squares[9]  # two separate triangles
        result[index, 1] = squares[15] + (corners + 7 * notches + 4 * halves + 2 * opposite) / 8
        result[index, 2] = squares[3] + squares[12]
        result[index, 3] = squares[5] + squares[10]
        result[index, 4] = corners + notches + 2 * opposite
        result[index, 5] = np.sqrt(longest) / 2
        result[index, 6] = convex
        result[index, 7] = (count * sum_rr - sum_r * sum_r) / (count * count)
        result[index, 8] = (count * sum_cc - sum_c * sum_c) / (count * count)
        result[index, 9] = (count * sum_rc - sum_r * sum_c) / (count * count)
        result[index, 10] = perimeter


@kernel
def _is_border(window, r, c):  # type: ignore[no-untyped-def]
    return window[r, c] and not (window[r - 1, c] and window[r + 1, c] and window[r, c - 1] and window[r, c + 1])


@kernel
def _border_length(window, r, c):  # type: ignore[no-untyped-def]
    """Length a border pixel adds to scikit-image's perimeter (Benkrid & Crookes 2000), in pixels."""
    sides, corners = 0, 0
    for dr in range(-1, 2):
        for dc in range(-1, 2):
            if (dr or dc) and window[r + dr, c + dc] and _is_border(window, r + dr, c + dc):
                if dr and dc:
                    corners += 1
                else:
                    sides += 1
    code = 1 + 2 * sides + 10 * corners
    if code in (5, 7, 15, 17, 25, 27):
        return 1.0
    if code in (21, 33):
        return np.sqrt(2.0)
    if code in (13, 23):
        return (1 + np.sqrt(2.0)) / 2
    return 0.0
