"""First-order statistics and gray levels of many regions, by the definitions of pyradiomics 3.0.1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from ..base.ranks import value_of_rank
from .regions import Regions

FIRST_ORDER_FEATURES = (
    "10Percentile",
    "90Percentile",
    "Energy",
    "Entropy",
    "InterquartileRange",
    "Kurtosis",
    "Maximum",
    "MeanAbsoluteDeviation",
    "Mean",
    "Median",
    "Minimum",
    "Range",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "TotalEnergy",
    "Uniformity",
    "Variance",
)
MOST_LEVELS = 100_000  # gray levels in one region; more than any meaningful setting gives


def center_and_spread(pixels: NDArray[np.float32], regions: Regions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation (1.4826 × median absolute deviation) of each region's pixels.

    Where more than half of the pixels are equal the standard deviation takes the place of the robust one; where all
    are equal, and in an empty region, the spread is 1. The center of an empty region is 0.
    """
    centers = np.zeros(len(regions))
    spreads = np.ones(len(regions))
    _center_and_spread(
        pixels,
        regions.mask,
        regions.starts,
        regions.heights,
        regions.widths,
        regions.tops,
        regions.lefts,
        _largest_window(regions),
        centers,
        spreads,
    )
    return centers, spreads


def first_order_features(
    pixels: NDArray[np.float32],
    regions: Regions,
    centers: NDArray[np.float64],
    spreads: NDArray[np.float64],
    bin_width: float,
    bin_count: int,
    pixel_area_mm2: float,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """First-order statistics, and the gray levels for the texture matrices.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
    regions : Regions
    centers, spreads : float arrays, shape (regions,)
        Features describe (pixel − center) / spread.
    bin_width : float
        Width of a gray level, counted from 0; 0 selects ``bin_count``.
    bin_count : int
        Number of gray levels between a region's minimum and maximum, used when ``bin_width`` is 0.
    pixel_area_mm2 : float

    Returns
    -------
    features : float array, shape (regions, 18)
        In the order of ``FIRST_ORDER_FEATURES``; NaN for a region that is empty, holds a value that is not finite, or
        would need more than ``MOST_LEVELS`` levels.
    levels : int32 array, as long as ``regions.mask``
        Gray level of each pixel, from 1; 0 outside the regions.
    """
    features = np.full((len(regions), len(FIRST_ORDER_FEATURES)), np.nan)
    levels = np.zeros(len(regions.mask), np.int32)
    _first_order(
        pixels,
        regions.mask,
        regions.starts,
        regions.heights,
        regions.widths,
        regions.tops,
        regions.lefts,
        _largest_window(regions),
        centers,
        spreads,
        float(bin_width),
        int(bin_count),
        float(pixel_area_mm2),
        features,
        levels,
    )
    return features, levels


def _largest_window(regions: Regions) -> int:
    return int(np.diff(regions.starts).max(initial=0))


@kernel
def _gather(pixels, mask, start, height, width, top, left, center, spread, values, places):  # type: ignore[no-untyped-def]
    """Values of a region and where they lie in ``mask``; returns their number, extremes and sum."""
    count, lowest, highest, total = 0, np.inf, -np.inf, 0.0
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            position = start + row * width + column
            if mask[position]:
                value = (pixels[top + row, left + column] - center) / spread
                values[count] = value
                places[count] = position
                count += 1
                lowest = min(lowest, value)
                highest = max(highest, value)
                total += value
    return count, lowest, highest, total


@kernel
def _percentiles(values, count, lowest, highest, shares, results, bins, candidates):  # type: ignore[no-untyped-def]
    """Percentiles with linear interpolation, numpy's default.

    A histogram narrows each wanted rank down to one bin; only the values of those bins are copied and searched.
    """
    if highest == lowest:
        for k in range(len(shares)):
            results[k] = lowest
        return
    tally = np.zeros(256, np.int64)
    scale = 255.999 / (highest - lowest)
    for i in range(count):
        bin_number = int((values[i] - lowest) * scale)
        bins[i] = bin_number
        tally[bin_number] += 1
    ranks = np.empty(2 * len(shares), np.int64)
    for k in range(len(shares)):
        ranks[2 * k] = int((count - 1) * shares[k])
        ranks[2 * k + 1] = min(ranks[2 * k] + 1, count - 1)
    first = np.full(256, -1, np.int64)  # where a wanted bin's values start among the candidates
    rank_bins, ranks_below = np.empty(len(ranks), np.int64), np.empty(len(ranks), np.int64)
    used = 0
    for k in range(len(ranks)):
        current, below = 0, 0
        while below + tally[current] <= ranks[k]:
            below += tally[current]
            current += 1
        rank_bins[k], ranks_below[k] = current, below
        if first[current] < 0:
            first[current] = used
            used += tally[current]
    free = first.copy()
    for i in range(count):
        if free[bins[i]] >= 0:
            candidates[free[bins[i]]] = values[i]
            free[bins[i]] += 1
    for k in range(len(ranks)):
        start = first[rank_bins[k]]
        found = value_of_rank(candidates, start + ranks[k] - ranks_below[k], start, free[rank_bins[k]] - 1)
        share = k // 2
        weight = (count - 1) * shares[share] - ranks[2 * share]
        if k % 2 == 0:
            results[share] = found
        elif weight < 0.5:
            results[share] += (found - results[share]) * weight
        else:
            results[share] = found - (found - results[share]) * (1 - weight)


@kernel
def _center_and_spread(pixels, mask, starts, heights, widths, tops, lefts, room, centers, spreads):  # type: ignore[no-untyped-def]
    values, places, bins, candidates = (
        np.empty(room),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room),
    )
    half, median = np.array([0.5]), np.empty(1)
    for index in range(len(widths)):
        count, lowest, highest, total = _gather(
            pixels, mask, starts[index], heights[index], widths[index], tops[index], lefts[index], 0.0, 1.0,
            values, places,
        )  # fmt: skip
        if count == 0 or not np.isfinite(total):
            continue
        _percentiles(values, count, lowest, highest, half, median, bins, candidates)
        centers[index] = median[0]
        nearest, farthest, squares = np.inf, 0.0, 0.0
        for i in range(count):
            values[i] = abs(values[i] - centers[index])
            nearest = min(nearest, values[i])
            farthest = max(farthest, values[i])
            squares += values[i] * values[i]
        _percentiles(values, count, nearest, farthest, half, median, bins, candidates)
        if median[0] > 0:
            spreads[index] = 1.4826 * median[0]
        elif squares > 0:
            spreads[index] = np.sqrt(squares / count)


@kernel
def _first_order(  # type: ignore[no-untyped-def]
    pixels, mask, starts, heights, widths, tops, lefts, room, centers, spreads, bin_width, bin_count, pixel_area,
    features, levels,
):  # fmt: skip
    values, places, bins, candidates = (
        np.empty(room),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room),
    )
    shares, percentiles = np.array([0.1, 0.25, 0.5, 0.75, 0.9]), np.empty(5)
    for index in range(len(widths)):
        count, lowest, highest, total = _gather(
            pixels, mask, starts[index], heights[index], widths[index], tops[index], lefts[index],
            centers[index], spreads[index], values, places,
        )  # fmt: skip
        if count == 0 or not np.isfinite(total):
            continue
        mean = total / count
        energy, second, third, fourth, deviation = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(count):
            difference = values[i] - mean
            square = difference * difference
            energy += values[i] * values[i]
            second += square
            third += square * difference
            fourth += square * square
            deviation += abs(difference)
        variance = second / count
        skewness, kurtosis = 0.0, 0.0
        if highest > lowest:
            skewness = third / count / variance**1.5
            kurtosis = fourth / count / variance**2

        # Edges as numpy.arange and numpy.linspace make them, so that no pixel falls on another side than there.
        if bin_width > 0:
            low = lowest - lowest % bin_width
            step = (low + bin_width) - low
            last_level = int(MOST_LEVELS)
        else:
            low = lowest if highest > lowest else lowest - 0.5
            high = highest if highest > lowest else highest + 0.5
            step = (high - low) / bin_count
            last_level = bin_count
        if (highest - low) / step > MOST_LEVELS:
            continue
        occurrences = np.zeros(int((highest - low) / step) + 3, np.int64)
        per_step = 1 / step
        for i in range(count):
            level = int((values[i] - low) * per_step)
            while low + (level + 1) * step <= values[i]:
                level += 1
            while low + level * step > values[i]:
                level -= 1
            level = min(level + 1, last_level)
            occurrences[level] += 1
            levels[places[i]] = level
        entropy, uniformity = 0.0, 0.0
        for level in range(len(occurrences)):
            if occurrences[level]:
                share = occurrences[level] / count
                entropy -= share * np.log2(share)
                uniformity += share * share

        _percentiles(values, count, lowest, highest, shares, percentiles, bins, candidates)
        tenth, ninetieth = percentiles[0], percentiles[4]
        inner, inner_total, inner_deviation = 0, 0.0, 0.0
        for i in range(count):
            inside = tenth <= values[i] <= ninetieth
            inner += inside
            inner_total += values[i] * inside
        for i in range(count):
            inside = tenth <= values[i] <= ninetieth
            inner_deviation += abs(values[i] - inner_total / inner) * inside

        features[index, 0] = tenth
        features[index, 1] = ninetieth
        features[index, 2] = energy
        features[index, 3] = entropy
        features[index, 4] = percentiles[3] - percentiles[1]
        features[index, 5] = kurtosis
        features[index, 6] = highest
        features[index, 7] = deviation / count
        features[index, 8] = mean
        features[index, 9] = percentiles[2]
        features[index, 10] = lowest
        features[index, 11] = highest - lowest
        features[index, 12] = inner_deviation / inner if inner else 0.0  # of two pixels none lies in between
        features[index, 13] = np.sqrt(energy / count)
        features[index, 14] = skewness
        features[index, 15] = energy * pixel_area
        features[index, 16] = uniformity
        features[index, 17] = variance
