"""Runs, zones, dependences and tone differences (GLRLM, GLSZM, GLDM, NGTDM) of many regions, by pyradiomics 3.0.1.

As in its defaults: eight neighbors at distance 1, dependence cutoff 0, run features averaged over the four directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from .gray_levels import GrayLevels
from .regions import Regions

RUN_FEATURES = (
    "ShortRunEmphasis",
    "LongRunEmphasis",
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "RunLengthNonUniformity",
    "RunLengthNonUniformityNormalized",
    "RunPercentage",
    "GrayLevelVariance",
    "RunVariance",
    "RunEntropy",
    "LowGrayLevelRunEmphasis",
    "HighGrayLevelRunEmphasis",
    "ShortRunLowGrayLevelEmphasis",
    "ShortRunHighGrayLevelEmphasis",
    "LongRunLowGrayLevelEmphasis",
    "LongRunHighGrayLevelEmphasis",
)
ZONE_FEATURES = (
    "SmallAreaEmphasis",
    "LargeAreaEmphasis",
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "SizeZoneNonUniformity",
    "SizeZoneNonUniformityNormalized",
    "ZonePercentage",
    "GrayLevelVariance",
    "ZoneVariance",
    "ZoneEntropy",
    "LowGrayLevelZoneEmphasis",
    "HighGrayLevelZoneEmphasis",
    "SmallAreaLowGrayLevelEmphasis",
    "SmallAreaHighGrayLevelEmphasis",
    "LargeAreaLowGrayLevelEmphasis",
    "LargeAreaHighGrayLevelEmphasis",
)
# The same sixteen formulas; two of them say nothing new for dependences and are not part of pyradiomics' GLDM.
DEPENDENCE_FEATURES = (
    "SmallDependenceEmphasis",
    "LargeDependenceEmphasis",
    "GrayLevelNonUniformity",
    None,
    "DependenceNonUniformity",
    "DependenceNonUniformityNormalized",
    None,
    "GrayLevelVariance",
    "DependenceVariance",
    "DependenceEntropy",
    "LowGrayLevelEmphasis",
    "HighGrayLevelEmphasis",
    "SmallDependenceLowGrayLevelEmphasis",
    "SmallDependenceHighGrayLevelEmphasis",
    "LargeDependenceLowGrayLevelEmphasis",
    "LargeDependenceHighGrayLevelEmphasis",
)
TONE_DIFFERENCE_FEATURES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")
SIZE_MATRIX_FEATURES = (
    *(f"glrlm_{name}" for name in RUN_FEATURES),
    *(f"glszm_{name}" for name in ZONE_FEATURES),
    *(f"gldm_{name}" for name in DEPENDENCE_FEATURES if name),
    *(f"ngtdm_{name}" for name in TONE_DIFFERENCE_FEATURES),
)
_COMPUTED = [True] * 32 + [name is not None for name in DEPENDENCE_FEATURES] + [True] * 5


def size_matrix_features(gray_levels: GrayLevels, regions: Regions) -> NDArray[np.float64]:
    """Features of runs, zones, dependences and tone differences.

    Parameters
    ----------
    gray_levels : GrayLevels
    regions : Regions

    Returns
    -------
    float array, shape (regions, 51)
        In the order of ``SIZE_MATRIX_FEATURES``; NaN for an empty region. In a region without two pixels on a line (one
        pixel) every pixel is a run of length 1 in all four directions.
    """
    features = np.full((len(regions), len(_COMPUTED)), np.nan)
    _size_matrices(
        gray_levels.levels,
        gray_levels.positions,
        gray_levels.grays,
        gray_levels.gray_starts,
        regions.starts,
        regions.widths,
        features,
    )
    return features[:, _COMPUTED]


@kernel
def _size_matrices(levels, positions, gray_levels, gray_starts, starts, widths, features):  # type: ignore[no-untyped-def]
    for index in range(len(widths)):
        grays = gray_levels[gray_starts[index] : gray_starts[index + 1]]
        if len(grays) == 1:  # an empty region
            continue
        width = widths[index]
        window = positions[starts[index] : starts[index + 1]]
        dependences, deviations = _neighborhoods(
            levels[starts[index] : starts[index + 1]], window, width, len(grays) - 1
        )
        pixels = np.int64(0)  # not a literal, for which all below would be compiled once more
        for here in range(len(dependences)):
            for dependence in range(dependences.shape[1]):
                pixels += dependences[here, dependence]
        _run_features(window, width, pixels, grays, features[index, :16])
        _zone_features(window, width, pixels, grays, features[index, 16:32])
        _size_features(dependences, np.arange(10), pixels, grays, features[index, 32:48])
        _tone_difference_features(dependences, deviations, pixels, grays, features[index, 48:53])


@kernel
def _neighborhoods(levels, window, width, count):  # type: ignore[no-untyped-def]
    """Dependence matrix, and for each level the sum of the distances from the mean of the neighbors."""
    size = len(window) - 2 * width - 2
    center, center_levels = window[width + 1 :], levels[width + 1 :]
    dependence, neighbors, total = np.ones(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    for step in (0, 1, 2, width, width + 2, 2 * width, 2 * width + 1, 2 * width + 2):
        other, other_levels = window[step:], levels[step:]
        for position in range(size):
            dependence[position] += other[position] == center[position]
            neighbors[position] += other_levels[position] > 0
            total[position] += other_levels[position]
    dependences = np.zeros((count, 10), np.int32)
    deviations = np.zeros(count)
    for position in range(size):
        here = center[position]
        if here != count:
            dependences[here, dependence[position]] += 1
            if neighbors[position]:
                deviations[here] += abs(center_levels[position] - total[position] / neighbors[position])
    return dependences, deviations


@kernel
def _run_features(window, width, pixels, grays, features):  # type: ignore[no-untyped-def]
    outside = len(grays) - 1
    longest = max(len(window) // width, width)
    lengths = np.arange(longest)
    ending_here = np.zeros(len(window), np.int32)
    one_direction = np.empty(16)
    for feature in range(16):
        features[feature] = 0
    directions = 0
    # A direction counts when some line along it holds two pixels of the region; if none does, all count.
    for every_direction in range(2):
        if directions:
            break
        for direction in range(4):
            step = 1 if direction == 0 else width + direction - 2
            if not every_direction and not _has_line_of_two(window, width, outside, direction):
                continue
            runs = np.zeros((outside, longest), np.int32)
            before, here, after = window, window[step:], window[2 * step :]
            for position in range(len(after)):
                kind = here[position]
                if kind == outside:
                    continue
                length = 1 + ending_here[position] * (before[position] == kind)
                ending_here[position + step] = length
                runs[kind, length] += after[position] != kind
            _size_features(runs, lengths, pixels, grays, one_direction)
            for feature in range(16):
                features[feature] += one_direction[feature]
            directions += 1
    for feature in range(16):
        features[feature] /= directions


@kernel
def _has_line_of_two(window, width, outside, direction):  # type: ignore[no-untyped-def]
    height = len(window) // width
    seen = np.zeros(height + width, np.bool_)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if window[row * width + column] != outside:
                line = row if direction == 0 else column + (2 - direction) * row + (direction == 3) * height
                if seen[line]:
                    return True
                seen[line] = True
    return False


@kernel
def _zone_features(window, width, pixels, grays, features):  # type: ignore[no-untyped-def]
    """Zones of eight-connected pixels of one level. Only sizes that occur get a column, at most sqrt(2 × pixels)."""
    outside = len(grays) - 1
    rest = window.copy()
    stack = np.empty(pixels + 1, np.int64)
    kinds, sizes = np.empty(pixels, np.int32), np.empty(pixels, np.int32)
    columns = np.zeros(pixels + 1, np.int32)
    items = 0
    for start in range(width, len(window) - width):
        kind = rest[start]
        if kind == outside:
            continue
        rest[start] = outside
        stack[0] = start
        waiting, size = 1, 1
        while waiting:
            waiting -= 1
            here = stack[waiting]
            for row in range(here - width, here + width + 1, width):
                for other in range(row - 1, row + 2):  # without a branch: in noise every one would be a wrong guess
                    joins = rest[other] == kind
                    rest[other] = outside if joins else rest[other]
                    stack[waiting] = other
                    waiting += joins
                    size += joins
        kinds[items], sizes[items] = kind, size
        columns[size] = 1
        items += 1
    occurring = np.zeros(pixels + 1, np.int64)
    count = 0
    for size in range(1, pixels + 1):
        if columns[size]:
            columns[size] = count
            occurring[count] = size
            count += 1
    zones = np.zeros((outside, count), np.int32)
    for item in range(items):
        zones[kinds[item], columns[sizes[item]]] += 1
    _size_features(zones, occurring[:count], pixels, grays, features)


@kernel
def _size_features(table, sizes, pixels, grays, features):  # type: ignore[no-untyped-def]
    """The sixteen features that runs, zones and dependences share, from the number of items per level and size."""
    per_size = np.zeros(len(sizes))
    per_level = np.zeros(len(table))
    for feature in range(16):
        features[feature] = 0
    items, gray_mean, size_mean = 0.0, 0.0, 0.0
    for i in range(len(table)):
        gray_square = grays[i] * grays[i]
        small, large = 0.0, 0.0
        for j in range(len(sizes)):
            number = float(table[i, j])
            if number > 0:
                size_square = float(sizes[j] * sizes[j])
                per_size[j] += number
                per_level[i] += number
                small += number / size_square
                large += number * size_square
                features[9] -= number * np.log2(number)
        items += per_level[i]
        gray_mean += per_level[i] * grays[i]
        features[2] += per_level[i] * per_level[i]
        features[10] += per_level[i] / gray_square
        features[11] += per_level[i] * gray_square
        features[12] += small / gray_square
        features[13] += small * gray_square
        features[14] += large / gray_square
        features[15] += large * gray_square
    for j in range(len(sizes)):
        if per_size[j] > 0:
            size_square = float(sizes[j] * sizes[j])
            features[0] += per_size[j] / size_square
            features[1] += per_size[j] * size_square
            features[4] += per_size[j] * per_size[j]
            size_mean += per_size[j] * sizes[j]
    gray_mean /= items
    size_mean /= items
    for i in range(len(table)):
        features[7] += per_level[i] * (grays[i] - gray_mean) ** 2
    for j in range(len(sizes)):
        features[8] += per_size[j] * (sizes[j] - size_mean) ** 2
    for feature in range(16):
        features[feature] /= items
    features[3] = features[2] / items
    features[5] = features[4] / items
    features[6] = items / pixels
    features[9] += np.log2(items)


@kernel
def _tone_difference_features(dependences, deviations, pixels, grays, features):  # type: ignore[no-untyped-def]
    count = len(deviations)
    shares = np.zeros(count)
    weighted, total = 0.0, 0.0
    for i in range(count):
        for j in range(dependences.shape[1]):
            shares[i] += dependences[i, j]
        shares[i] /= pixels
        weighted += shares[i] * deviations[i]
        total += deviations[i]
    spread, imbalance, complexity, strength = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        for j in range(i):
            distance = grays[i] - grays[j]
            both = shares[i] + shares[j]
            spread += 2 * shares[i] * shares[j] * distance * distance
            imbalance += 2 * abs(grays[i] * shares[i] - grays[j] * shares[j])
            complexity += 2 * distance * (shares[i] * deviations[i] + shares[j] * deviations[j]) / both
            strength += 2 * both * distance * distance
    features[0] = weighted / imbalance if imbalance > 0 else 0.0
    features[1] = 1 / weighted if weighted > 0 else 1e6
    features[2] = complexity / pixels
    features[3] = spread * total / pixels / (count * (count - 1)) if count > 1 else 0.0
    features[4] = strength / total if total > 0 else 0.0
