"""What is measured on every candidate speck; the selector decides on these numbers alone.

All lengths are in millimeters and all intensities in units of the local noise or of the speck's own contrast, so that
neither pixel size nor gain matters.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.kernels import kernel
from .candidates import Candidates
from .neighborhoods import sums_around
from .surroundings import pixel_box, ring_steps, steps_from

_STREAK_MM = 0.35  # how far beyond the ends of a speck its continuation is looked for
_LINE_MM = (0.5, 0.8, 1.1, 1.4)  # where along a line its brightness is sampled …
_BESIDE_MM = 0.35  # … and how far beside it that of its surroundings
_DIRECTIONS = 8
_NEIGHBORHOODS_MM = (3.0, 10.0)

MEASUREMENTS: dict[str, str] = {
    "response": "DoG / noise at the peak, in the plane of the candidate",
    "response_0": "DoG / noise at the peak, plane 0 (finest)",
    "response_1": "DoG / noise at the peak, plane 1",
    "response_2": "DoG / noise at the peak, plane 2",
    "response_3": "DoG / noise at the peak, plane 3 (coarsest)",
    "plane": "plane of the candidate (0 finest)",
    "diameter_mm": "diameter of the circle of equal area",
    "elongation": "ratio of the principal axes (1 round)",
    "compactness": "4π area / perimeter² on the pixel grid (1 round)",
    "contrast_to_noise": "(mean inside − mean ring) / SD of the ring",
    "peak_contrast_to_noise": "(brightest pixel − mean ring) / SD of the ring",
    "contrast_in_fine_noise": "(mean inside − mean ring) / noise of the finest plane",
    "peak_ratio": "(brightest pixel − mean ring) / (mean inside − mean ring)",
    "sharpness_per_mm": "mean gradient along the outline / contrast, per mm",
    "ring_noise": "SD of the ring / noise of the finest plane",
    "ring_gradient": "strength of the ring's linear trend / SD of the ring",
    "ring_skewness": "skewness of the ring's intensities",
    "ring_maximum": "(brightest ring pixel − mean ring) / (brightest speck pixel − mean ring)",
    "ring_anisotropy": "anisotropy of the ring's gradients (0 isotropic, 1 one direction)",
    "streak": "brightness beyond both ends of the long axis minus beside it, / contrast (bright lines: high)",
    "weaker_end": "as streak, with the darker end only",
    "line_through": "brightness of the best line through the speck, its darker side, 0.5 to 1.4 mm away, / contrast",
    "line_from": "brightness of the best line ending at the speck, 0.5 to 1.4 mm away, / contrast",
    "saddle": "ratio of the Hessian's eigenvalues over the speck (1 blob, 0 ridge)",
    "edge_distance_mm": "distance of the peak from the edge of the breast",
    "rank_10mm": "share of the candidates within 10 mm with a weaker response",
    "neighbors_3mm": "candidates within 3 mm with at least half this response",
    "neighbors_10mm": "candidates within 10 mm with at least half this response",
    "strong_neighbors_10mm": "candidates within 10 mm with a response above 6",
}


def measure(
    candidates: Candidates,
    pixels: NDArray[np.float32],
    spacing_mm: tuple[float, float],
    edge_distance_mm: NDArray[np.float32],
) -> pd.DataFrame:
    """Measurements of every candidate.

    Parameters
    ----------
    candidates : Candidates
    pixels : float32 array, shape (rows, columns)
    spacing_mm : (float, float)
    edge_distance_mm : float32 array, shape (candidates,)
        Distance of each peak from the edge of the breast.

    Returns
    -------
    DataFrame
        One row per candidate, columns as in ``MEASUREMENTS``; every value is finite.
    """
    columns = list(MEASUREMENTS)
    values = np.zeros((len(candidates), len(columns)), np.float64)
    table = pd.DataFrame(values, columns=columns)
    if len(candidates) == 0:
        return table
    local = _measure_each(
        pixels,
        candidates.rows,
        candidates.columns,
        candidates.starts,
        candidates.noise,
        *ring_steps(spacing_mm),
        float(spacing_mm[0]),
        float(spacing_mm[1]),
    )
    for position, name in enumerate(_LOCAL):
        table[name] = local[:, position]
    responses = candidates.responses
    table["response"] = responses[np.arange(len(candidates)), candidates.planes]
    for plane in range(4):
        table[f"response_{plane}"] = responses[:, min(plane, responses.shape[1] - 1)]
    table["plane"] = candidates.planes
    table["edge_distance_mm"] = edge_distance_mm
    _describe_neighborhood(table, candidates, spacing_mm)
    return table


def _describe_neighborhood(table: pd.DataFrame, candidates: Candidates, spacing_mm: tuple[float, float]) -> None:
    response = table["response"].to_numpy()
    above_6, any_response = np.full_like(response, np.nextafter(6, 7)), np.full_like(response, -np.inf)
    thresholds = np.column_stack((0.5 * response, response, above_6, any_response))
    positions, ones = candidates.positions_mm(spacing_mm), np.ones(len(candidates))
    counts = sums_around(positions, positions, ones, _NEIGHBORHOODS_MM, levels=response, thresholds=thresholds)
    counts -= (response[:, None] >= thresholds)[:, None]  # without the candidate itself
    for radius, similar in zip(_NEIGHBORHOODS_MM, counts[..., 0].T, strict=True):
        table[f"neighbors_{radius:g}mm"] = similar
    _, as_strong, strong, around = counts[:, -1].T
    table["rank_10mm"] = (around - as_strong + 0.5) / (around + 1)
    table["strong_neighbors_10mm"] = strong


_LOCAL = (
    "diameter_mm",
    "elongation",
    "compactness",
    "contrast_to_noise",
    "peak_contrast_to_noise",
    "contrast_in_fine_noise",
    "peak_ratio",
    "sharpness_per_mm",
    "ring_noise",
    "ring_gradient",
    "ring_skewness",
    "ring_maximum",
    "ring_anisotropy",
    "streak",
    "weaker_end",
    "saddle",
    "line_through",
    "line_from",
)


@kernel
def _measure_each(pixels, rows, columns, starts, noise, gap, margin, row_mm, column_mm):  # type: ignore[no-untyped-def]
    """The measurements named in ``_LOCAL`` from a window around each candidate, shape (candidates, measurements)."""
    height, width = pixels.shape
    count = len(starts) - 1
    result = np.zeros((count, 18), np.float64)
    pixel_mm = np.sqrt(row_mm * column_mm)
    for index in range(count):
        first = starts[index]
        area = starts[index + 1] - first
        top, bottom, left, right = pixel_box(rows, columns, first, first + area)
        top, bottom = max(top - margin, 0), min(bottom + margin, height)
        left, right = max(left - margin, 0), min(right + margin, width)
        window = pixels[top:bottom, left:right]
        # Loops instead of operations on whole arrays, each of which takes half a second to compile.
        own_rows, own_columns = np.empty(area, np.int64), np.empty(area, np.int64)
        center_row, center_column = 0.0, 0.0
        for i in range(area):
            own_rows[i], own_columns[i] = rows[first + i] - top, columns[first + i] - left
            center_row += own_rows[i]
            center_column += own_columns[i]
        center_row /= area
        center_column /= area
        steps = steps_from(own_rows, own_columns, window.shape[0], window.shape[1], margin + 1)
        inside, peak = 0.0, -np.inf
        for i in range(area):
            value = window[own_rows[i], own_columns[i]]
            inside += value / area
            peak = max(peak, value)

        ring_mean, deviation, skewness, trend, anisotropy, ring_peak = _measure_ring(
            window, steps, gap, margin, center_row, center_column, row_mm, column_mm
        )
        if ring_mean == -np.inf:  # no ring inside the image
            ring_mean, ring_peak = inside, inside
        smallest = max(0.25 * noise[index], 1e-12)  # keeps ratios finite on flat ground
        deviation = max(deviation, smallest)
        contrast = inside - ring_mean
        safe_contrast = max(contrast, smallest)
        elongation, along_row, along_column, major, minor = _principal_axes(
            own_rows, own_columns, center_row, center_column
        )
        edges, gradient, saddle = _measure_outline(window, steps, own_rows, own_columns, row_mm, column_mm)

        reach, aside = 2 * major + _STREAK_MM / pixel_mm, 2 * minor + _STREAK_MM / pixel_mm
        row, column = top + center_row, left + center_column
        end_a = _sample(pixels, row + reach * along_row, column + reach * along_column)
        end_b = _sample(pixels, row - reach * along_row, column - reach * along_column)
        side_a = _sample(pixels, row + aside * along_column, column - aside * along_row)
        side_b = _sample(pixels, row - aside * along_column, column + aside * along_row)
        sides = (side_a + side_b) / 2

        result[index, 0] = 2 * np.sqrt(area * row_mm * column_mm / np.pi)
        result[index, 1] = elongation
        result[index, 2] = 4 * np.pi * area / max(edges, 1) ** 2
        result[index, 3] = contrast / deviation
        result[index, 4] = (peak - ring_mean) / deviation
        result[index, 5] = contrast / max(noise[index], 1e-12)
        result[index, 6] = (peak - ring_mean) / safe_contrast
        result[index, 7] = gradient / safe_contrast
        result[index, 8] = deviation / max(noise[index], 1e-12)
        result[index, 9] = trend / deviation
        result[index, 10] = skewness / deviation**3
        result[index, 11] = (ring_peak - ring_mean) / max(peak - ring_mean, smallest)
        result[index, 12] = anisotropy
        result[index, 13] = ((end_a + end_b) / 2 - sides) / safe_contrast
        result[index, 14] = (min(end_a, end_b) - sides) / safe_contrast
        result[index, 15] = saddle
        through, ending = _line_response(pixels, row, column, row_mm, column_mm)
        result[index, 16] = through / safe_contrast
        result[index, 17] = ending / safe_contrast
    return result


@kernel
def _measure_ring(window, steps, gap, margin, center_row, center_column, row_mm, column_mm):  # type: ignore[no-untyped-def]
    """Mean, SD, third central moment, linear trend, gradient anisotropy and maximum of the ring around a speck."""
    height, width = window.shape
    count, mean, highest = 0, 0.0, -np.inf
    for r in range(height):
        for c in range(width):
            if gap < steps[r, c] <= margin:
                count += 1
                mean += window[r, c]
                highest = max(highest, window[r, c])
    if count == 0:
        return -np.inf, 0.0, 0.0, 0.0, 0.0, -np.inf
    mean /= count
    variance, third = 0.0, 0.0
    slope_row, slope_column, square_row, square_column = 0.0, 0.0, 1e-12, 1e-12
    gradient_rr, gradient_cc, gradient_rc = 0.0, 0.0, 0.0
    for r in range(height):
        for c in range(width):
            if not gap < steps[r, c] <= margin:
                continue
            difference = window[r, c] - mean
            variance += difference * difference
            third += difference * difference * difference
            down, across = r - center_row, c - center_column
            slope_row += difference * down
            slope_column += difference * across
            square_row += down * down
            square_column += across * across
            if 0 < r < height - 1 and 0 < c < width - 1:
                vertical = np.float64(window[r + 1, c] - window[r - 1, c])
                horizontal = np.float64(window[r, c + 1] - window[r, c - 1])
                gradient_rr += vertical * vertical
                gradient_cc += horizontal * horizontal
                gradient_rc += vertical * horizontal
    variance, third = variance / count, third / count
    gradient_rr, gradient_cc = gradient_rr / row_mm**2, gradient_cc / column_mm**2
    gradient_rc /= row_mm * column_mm
    trend = np.sqrt((slope_row**2 / square_row + slope_column**2 / square_column) / count)
    gradients = gradient_rr + gradient_cc
    anisotropy = np.sqrt((gradient_rr - gradient_cc) ** 2 + 4 * gradient_rc**2) / gradients if gradients > 0 else 0.0
    return mean, np.sqrt(variance), third, trend, anisotropy, highest


@kernel
def _principal_axes(rows, columns, center_row, center_column):  # type: ignore[no-untyped-def]
    """Elongation, unit vector of the long axis (row, column), SD along and across it, in pixels."""
    moment_rr, moment_cc, moment_rc = 1 / 12, 1 / 12, 0.0  # a pixel is a square, not a point
    for i in range(len(rows)):
        down, across = rows[i] - center_row, columns[i] - center_column
        moment_rr += down**2 / len(rows)
        moment_cc += across**2 / len(rows)
        moment_rc += down * across / len(rows)
    spread = np.sqrt((moment_rr - moment_cc) ** 2 + 4 * moment_rc**2)
    major = np.sqrt((moment_rr + moment_cc + spread) / 2)
    minor = np.sqrt(max((moment_rr + moment_cc - spread) / 2, 1e-6))
    angle = 0.5 * np.arctan2(2 * moment_rc, moment_cc - moment_rr)
    return major / minor, np.sin(angle), np.cos(angle), major, minor


@kernel
def _measure_outline(window, steps, rows, columns, row_mm, column_mm):  # type: ignore[no-untyped-def]
    """Pixel edges on the outline, mean gradient along it (per mm), ratio of the mean Hessian's eigenvalues."""
    height, width = window.shape
    edges, outline, gradient = 0, 0, 0.0
    curvature_rr, curvature_cc, curvature_rc = 0.0, 0.0, 0.0
    for i in range(len(rows)):
        r, c = rows[i], columns[i]
        above, below = max(r - 1, 0), min(r + 1, height - 1)
        before, after = max(c - 1, 0), min(c + 1, width - 1)
        own_edges = (steps[above, c] > 0) + (steps[below, c] > 0) + (steps[r, before] > 0) + (steps[r, after] > 0)
        if own_edges:
            edges += own_edges
            outline += 1
            vertical = (window[below, c] - window[above, c]) / (2 * row_mm)
            horizontal = (window[r, after] - window[r, before]) / (2 * column_mm)
            gradient += np.sqrt(vertical**2 + horizontal**2)
        curvature_rr += window[below, c] + window[above, c] - 2 * window[r, c]
        curvature_cc += window[r, after] + window[r, before] - 2 * window[r, c]
        curvature_rc += 0.25 * (
            window[below, after] - window[below, before] - window[above, after] + window[above, before]
        )
    spread = np.sqrt((curvature_rr - curvature_cc) ** 2 + 4 * curvature_rc**2)
    strongest = (curvature_rr + curvature_cc - spread) / 2
    weakest = (curvature_rr + curvature_cc + spread) / 2
    return edges, gradient / max(outline, 1), weakest / strongest if strongest < 0 else 0.0


@kernel
def _line_response(pixels, row, column, row_mm, column_mm):  # type: ignore[no-untyped-def]
    """Brightness, over their surroundings, of the best line through a place (its darker side) and the best from it."""
    through, ending = -np.inf, -np.inf
    for direction in range(_DIRECTIONS):
        angle = np.pi * direction / _DIRECTIONS
        down, across = np.sin(angle), np.cos(angle)
        weaker = np.inf
        for side in (-1, 1):
            strength = 0.0
            for distance in _LINE_MM:
                r, c = row + side * distance * down / row_mm, column + side * distance * across / column_mm
                beside_row, beside_column = _BESIDE_MM * across / row_mm, _BESIDE_MM * down / column_mm
                strength += _sample(pixels, r, c)
                strength -= 0.5 * _sample(pixels, r + beside_row, c - beside_column)
                strength -= 0.5 * _sample(pixels, r - beside_row, c + beside_column)
            strength /= len(_LINE_MM)
            weaker = min(weaker, strength)
            ending = max(ending, strength)
        through = max(through, weaker)
    return through, ending


@kernel
def _sample(pixels, row, column):  # type: ignore[no-untyped-def]
    """Mean of the 3 × 3 pixels around a position, inside the image."""
    height, width = pixels.shape
    r = min(max(round(row), 0), height - 1)
    c = min(max(round(column), 0), width - 1)
    total, count = 0.0, 0
    if 0 < r < height - 1 and 0 < c < width - 1:  # nearly always; loops of a known length take half the time
        for y in range(r - 1, r + 2):
            for x in range(c - 1, c + 2):
                total += pixels[y, x]
        return total / 9
    for y in range(max(r - 1, 0), min(r + 2, height)):
        for x in range(max(c - 1, 0), min(c + 2, width)):
            total += pixels[y, x]
            count += 1
    return total / count
