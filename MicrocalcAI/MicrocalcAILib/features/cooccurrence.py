"""Gray-level co-occurrence (GLCM) of many regions, by the definitions of pyradiomics 3.0.1.

As in its defaults: neighbors at distance 1, symmetrical matrix, features averaged over the four directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from .gray_levels import GrayLevels
from .regions import Regions

COOCCURRENCE_FEATURES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)


def cooccurrence_features(gray_levels: GrayLevels, regions: Regions) -> NDArray[np.float64]:
    """Features of neighboring gray levels.

    Parameters
    ----------
    gray_levels : GrayLevels
    regions : Regions

    Returns
    -------
    float array, shape (regions, 24)
        In the order of ``COOCCURRENCE_FEATURES``; NaN for an empty region. In a region without a pair of neighbors (one
        pixel) every pixel counts as its own neighbor.
    """
    features = np.full((len(regions), len(COOCCURRENCE_FEATURES)), np.nan)
    _cooccurrence(
        gray_levels.positions, gray_levels.grays, gray_levels.gray_starts, regions.starts, regions.widths, features
    )
    return features


@kernel
def _cooccurrence(positions, gray_levels, gray_starts, starts, widths, features):  # type: ignore[no-untyped-def]
    for index in range(len(widths)):
        grays = gray_levels[gray_starts[index] : gray_starts[index + 1]]
        if len(grays) == 1:  # an empty region
            continue
        width = widths[index]
        window = positions[starts[index] : starts[index + 1]]
        _features(_pairs(window, width, len(grays) - 1), grays, features[index])


@kernel
def _pairs(window, width, count):  # type: ignore[no-untyped-def]
    """Number of neighbors per direction, level and level of the neighbor (the last row and column: outside)."""
    pairs = np.zeros((4, count + 1, count + 1), np.int32)
    found = 0
    for position in range(width, len(window) - width):
        here = window[position]
        if here == count:
            continue
        pairs[0, here, window[position + 1]] += 1
        pairs[1, here, window[position + width - 1]] += 1
        pairs[2, here, window[position + width]] += 1
        pairs[3, here, window[position + width + 1]] += 1
    for direction in range(4):
        for i in range(count):
            for j in range(count):
                found += pairs[direction, i, j]
    if not found:  # every pixel is its own neighbor
        for position in range(len(window)):
            for direction in range(4):
                pairs[direction, window[position], window[position]] += 1
    return pairs


@kernel
def _features(pairs, grays, features):  # type: ignore[no-untyped-def]
    count = len(grays) - 1
    highest = int(grays[count - 1])
    for feature in range(24):
        features[feature] = 0
    rows = np.empty(count)
    differences = np.empty(highest)
    sums = np.empty(2 * highest + 1)
    directions = 0
    for direction in range(4):
        table = pairs[direction]
        for i in range(count):
            rows[i] = 0
        for value in range(highest):
            differences[value] = 0
        for value in range(2 * highest + 1):
            sums[value] = 0
        total, products, squares, entropy, most = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(count):
            for j in range(i + 1):
                # The symmetrical matrix: each pair counts in both directions.
                occurrences = float(table[i, j] + table[j, i])
                if occurrences == 0:
                    continue
                cells = 2.0 if j < i else 1.0
                both = cells * occurrences
                total += both
                rows[i] += occurrences
                if j < i:
                    rows[j] += occurrences
                differences[int(grays[i] - grays[j])] += both
                sums[int(grays[i] + grays[j])] += both
                products += both * grays[i] * grays[j]
                squares += both * occurrences
                entropy -= both * np.log2(occurrences)
                most = max(most, occurrences)
        if total == 0:
            continue
        directions += 1
        entropy = entropy / total + np.log2(total)
        products /= total
        mean, row_entropy = 0.0, 0.0
        for i in range(count):
            rows[i] /= total
            mean += rows[i] * grays[i]
            if rows[i] > 0:
                row_entropy -= rows[i] * np.log2(rows[i])
        variance = 0.0
        for i in range(count):
            variance += rows[i] * (grays[i] - mean) ** 2

        features[0] += products
        for value in range(2, 2 * highest + 1):
            if sums[value] > 0:
                share = sums[value] / total
                distance = value - 2 * mean
                square = distance * distance
                features[1] += share * square * square
                features[2] += share * square * distance
                features[3] += share * square
                features[21] += share * value
                features[22] -= share * np.log2(share)
        average = 0.0
        for value in range(highest):
            average += differences[value] / total * value
        for value in range(highest):
            if differences[value] > 0:
                share = differences[value] / total
                square = float(value * value)
                features[4] += share * square
                features[7] -= share * np.log2(share)
                features[8] += share * (value - average) ** 2
                features[9] += share / (1 + value)
                features[10] += share / (1 + square)
                features[11] += share / (1 + square / (highest * highest))
                features[12] += share / (1 + value / highest)
                if value:
                    features[15] += share / square
        features[6] += average
        features[5] += (products - mean * mean) / (variance + 2.0**-52) if variance > 0 else 1.0
        information = 2 * row_entropy - entropy
        if information < 1e-14:  # independent levels; what is left is rounding
            information = 0.0
        if row_entropy > 0:
            features[13] -= information / row_entropy
        features[14] += np.sqrt(1 - np.exp(-2 * information))
        features[16] += mean
        features[17] += squares / (total * total)
        features[18] += entropy
        features[19] += _maximal_correlation(table, rows, total) if count > 1 else 1.0
        features[20] += most / total
        features[23] += variance
    for feature in range(24):
        features[feature] /= directions


@kernel
def _maximal_correlation(table, rows, total):  # type: ignore[no-untyped-def]
    """Square root of the second largest eigenvalue of Haralick's Q.

    For a symmetrical matrix P with marginals p, Q is similar to M² with M = P / sqrt(p p'). The largest eigenvalue of M
    is 1, with eigenvector sqrt(p); without it, the wanted number is the largest |eigenvalue| of what remains.
    """
    size = 0
    for i in range(len(rows)):
        if rows[i] > 0:
            size += 1
    matrix = np.zeros((size, size))
    row = -1
    for i in range(len(rows)):
        if rows[i] == 0:
            continue
        row += 1
        column = -1
        for j in range(i + 1):
            if rows[j] == 0:
                continue
            column += 1
            share = (table[i, j] + table[j, i]) / total
            weight = np.sqrt(rows[i] * rows[j])
            matrix[row, column] = share / weight - weight
    diagonal, squared_side = _tridiagonal(matrix)
    low, high = 0.0, 1.0
    while high - low > 1e-11 * high and high > 1e-10:
        middle = (low + high) / 2
        if _reaches_beyond(diagonal, squared_side, middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2 if high > 1e-10 else 0.0


@kernel
def _tridiagonal(matrix):  # type: ignore[no-untyped-def]
    """Householder reduction of a symmetric matrix (lower triangle, overwritten): diagonal and squared side diagonal."""
    size = len(matrix)
    diagonal, squared_side = np.zeros(size), np.zeros(size)
    vector, product = np.zeros(size), np.zeros(size)
    for last in range(size - 1, 0, -1):
        norm = 0.0
        for k in range(last):
            vector[k] = matrix[last, k]
            norm += vector[k] ** 2
        diagonal[last] = matrix[last, last]
        squared_side[last] = norm
        if norm - vector[last - 1] ** 2 <= 1e-32:
            squared_side[last] = vector[last - 1] ** 2
            continue
        vector[last - 1] += np.sqrt(norm) if vector[last - 1] >= 0 else -np.sqrt(norm)
        half = 0.0
        for k in range(last):
            half += vector[k] ** 2
        half /= 2
        for i in range(last):
            total = matrix[i, i] * vector[i]
            product[i] = 0
            for j in range(i):
                total += matrix[i, j] * vector[j]
                product[j] += matrix[i, j] * vector[i]
            product[i] += total
        scale = 0.0
        for k in range(last):
            product[k] /= half
            scale += product[k] * vector[k]
        scale /= 2 * half
        for k in range(last):
            product[k] -= scale * vector[k]
        for i in range(last):
            for j in range(i + 1):
                matrix[i, j] -= vector[i] * product[j] + product[i] * vector[j]
    diagonal[0] = matrix[0, 0]
    return diagonal, squared_side


@kernel
def _reaches_beyond(diagonal, squared_side, bound):  # type: ignore[no-untyped-def]
    """Whether a symmetric tridiagonal matrix has an eigenvalue beyond ±bound (Sturm sequences)."""
    upper, lower = 1.0, 1.0
    for k in range(len(diagonal)):
        upper = bound - diagonal[k] - squared_side[k] / upper
        lower = bound + diagonal[k] - squared_side[k] / lower
        if upper <= 0 or lower <= 0:
            return True
    return False
