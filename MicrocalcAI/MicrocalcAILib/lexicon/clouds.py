"""Clouds: a cluster of amorphous calcifications as one object with an outline of its own.

Amorphous calcifications run into each other; a reader draws a line around all of them instead of one around each. The
line here is a level of how dense the cluster's specks lie: each spreads what it tells of a group (its cubed
probability) over a Gaussian, and the outline runs where this density is a fixed part of what it is at a speck. A dense
cloud is so drawn tightly and a sparse one widely. Candidates that were not selected and the haze between the specks
were tried as further evidence and do not help (Docs/figures.md).

A cloud is a view of its cluster, so that it follows every edit: no word “amorphous”, no cloud. It counts as no
calcification; its specks stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from ..segmentation.groups import evidence
from .arrangement import member_weights
from .describe import UNCERTAIN
from .vocabulary import AMORPHOUS

LEAST_EVIDENCE = 12.0  # of the specks together, unless a reader chose the word
_SMOOTHING_MM = 1.2  # standard deviation of what a speck spreads
_LEVEL = 1 / 3  # of the mean density at the specks
_FEWEST_IN_PART = 3  # a part of a cloud with fewer specks is left out
_GRID_MM = 0.3  # the outline runs smoothly between its places
_REACH = 4  # standard deviations
CLOUD_COLUMNS = (
    *("id", "kind", "cluster_id", "count", "row", "column", "x_mm", "y_mm"),
    *("row_min", "row_max", "column_min", "column_max", "area_mm2", "extent_mm"),
    *("mean_probability", "median_contrast_to_noise", "outline"),
)
_NEIGHBORS = np.ones((3, 3), np.bool_)


@dataclass(frozen=True)
class Cloud:
    """The outline of an amorphous cluster.

    Parameters
    ----------
    cluster_id : int
    parts : tuple of float arrays, shape (points, 2)
        Closed polygons without holes that share no pixel, largest first: row and column, whole numbers are centers of
        pixels. Most clouds have one.
    specks : int array
        Ids of the calcifications inside.
    """

    cluster_id: int
    parts: tuple[NDArray[np.float64], ...]
    specks: NDArray[np.int64]

    def area_mm2(self, spacing_mm: tuple[float, float]) -> float:
        """Area inside the outline."""
        return spacing_mm[0] * spacing_mm[1] * sum(map(_area, self.parts))

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels whose centers lie inside, in an image of this shape."""
        inside = np.zeros(shape, np.bool_)
        for part in self.parts:
            first = np.maximum(np.floor(part.min(axis=0)).astype(int), 0)
            last = np.minimum(np.ceil(part.max(axis=0)).astype(int) + 1, shape)
            inside[first[0] : last[0], first[1] : last[1]] |= polygon2mask(last - first, part - first)
        return inside

    def around(self, labels: NDArray[np.integer]) -> NDArray[np.bool_]:
        """The pixels inside that belong to no calcification of a label map."""
        return self.mask(labels.shape) & (labels == 0)


def outline_clouds(
    calcifications: pd.DataFrame, clusters: pd.DataFrame, spacing_mm: tuple[float, float]
) -> tuple[Cloud, ...]:
    """The clouds of an analysis.

    Parameters
    ----------
    calcifications, clusters : DataFrame
        As in :class:`~MicrocalcAILib.analysis.Analysis`. Clusters that were not described have no clouds. A word that a
        reader put in the column ``reader_morphology`` comes before the one in ``morphology``.
    spacing_mm : (float, float)

    Returns
    -------
    tuple of Cloud
        In the order of the clusters. Theirs are those whose word of morphology is ``amorphous``, not uncertain
        (:data:`~.describe.UNCERTAIN`), and whose specks together tell enough of a group (:data:`LEAST_EVIDENCE`); a
        reader's word needs neither, and clusters that a reader rejected have none.
    """
    if "morphology" not in clusters:
        return ()
    own = clusters.get("reader_morphology", pd.Series("", clusters.index))
    own = own.mask(own.isin(("", "-")))
    word = own.fillna(clusters["morphology"])
    probability = clusters.get("morphology_probability", pd.Series(1.0, clusters.index)).where(own.isna())
    is_readers = probability.isna()
    is_amorphous = (word == AMORPHOUS) & (is_readers | (probability >= UNCERTAIN))
    is_amorphous &= clusters.get("reader_decision", pd.Series("", clusters.index)) != "rejected"
    found = []
    for identifier, is_certain in zip(clusters["id"][is_amorphous], is_readers[is_amorphous], strict=True):
        members = calcifications[calcifications["cluster_id"] == identifier]
        weights = evidence(member_weights(members))
        if is_certain or weights.sum() >= LEAST_EVIDENCE:
            parts, inside = _level(members[["row", "column"]].to_numpy(np.float64) * spacing_mm, weights)
            if parts:
                polygons = tuple(part / spacing_mm for part in parts)
                found.append(Cloud(int(identifier), polygons, members["id"].to_numpy(np.int64)[inside]))
    return tuple(found)


def cloud_table(clouds: Sequence[Cloud], calcifications: pd.DataFrame, spacing_mm: tuple[float, float]) -> pd.DataFrame:
    """One row per cloud.

    Parameters
    ----------
    clouds : sequence of Cloud
    calcifications : DataFrame
        Those they were made from.
    spacing_mm : (float, float)

    Returns
    -------
    DataFrame
        ``id`` (1, 2, …), ``kind`` (``cloud``), ``cluster_id``, ``count`` of the specks inside, ``row``, ``column``,
        ``x_mm`` and ``y_mm`` of their mean center, ``row_min``, ``row_max``, ``column_min`` and ``column_max`` of the
        pixels inside (inclusive; may lie beyond the image by a millimeter), ``area_mm2``, ``extent_mm`` (greatest
        diameter of the outline), ``mean_probability`` and ``median_contrast_to_noise`` of the specks, ``outline``: the
        polygons as well-known text, x and y in mm.
    """
    rows = []
    for number, cloud in enumerate(clouds, start=1):
        specks = calcifications[calcifications["id"].isin(cloud.specks)]
        points = np.concatenate(cloud.parts)
        first, last = np.ceil(points.min(axis=0)).astype(int), np.floor(points.max(axis=0)).astype(int)
        parts_mm = [part * spacing_mm for part in cloud.parts]
        row = {"id": number, "kind": "cloud", "cluster_id": cloud.cluster_id, "count": len(specks)}
        row |= {name: specks[name].mean() for name in ("row", "column", "x_mm", "y_mm")}
        row |= {"row_min": first[0], "row_max": last[0], "column_min": first[1], "column_max": last[1]}
        row["area_mm2"] = cloud.area_mm2(spacing_mm)
        row["extent_mm"] = float(pdist(_corners(np.concatenate(parts_mm))).max())
        row["mean_probability"] = specks["probability"].mean()
        row["median_contrast_to_noise"] = specks["contrast_to_noise"].median()
        row["outline"] = _well_known_text(parts_mm)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(CLOUD_COLUMNS))


def _level(
    places_mm: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """The parts of a cloud in mm, largest first, and which places lie inside."""
    corner = places_mm.min(axis=0) - _REACH * _SMOOTHING_MM
    cells = np.rint((places_mm - corner) / _GRID_MM).astype(int)
    at = tuple(cells.T)
    density = np.zeros(cells.max(axis=0) + 1 + round(_REACH * _SMOOTHING_MM / _GRID_MM))
    np.add.at(density, at, weights)
    density = ndimage.gaussian_filter(density, _SMOOTHING_MM / _GRID_MM, mode="constant", truncate=_REACH)
    level = _LEVEL * np.average(density[at], weights=weights)
    numbers, _ = ndimage.label(ndimage.binary_fill_holes(density >= level), _NEIGHBORS)
    counts = np.bincount(numbers[at], minlength=numbers.max() + 1)
    counts[0] = 0
    is_part = counts >= _FEWEST_IN_PART
    parts, filled = [], np.where(numbers, np.maximum(density, level), density)
    for number in np.flatnonzero(is_part):
        alone = np.where((numbers == number) | (numbers == 0), filled, 0)
        longest = max(find_contours(alone, level * (1 - 1e-9)), key=len)
        parts.append(longest * _GRID_MM + corner)
    return sorted(parts, key=_area, reverse=True), is_part[numbers[at]]


def _area(polygon: NDArray[np.float64]) -> float:
    """Area of a closed polygon (the shoelace formula)."""
    y, x = polygon.T
    return float(abs(np.sum(y[:-1] * x[1:] - y[1:] * x[:-1])) / 2)


def _corners(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of the convex hull."""
    return points[ConvexHull(points).vertices]


def _well_known_text(parts_mm: Sequence[NDArray[np.float64]]) -> str:
    """Polygons as text that geometry programs read (OGC Simple Feature Access), x before y."""
    rings = (", ".join(f"{x:.2f} {y:.2f}" for y, x in part) for part in parts_mm)
    return f"MULTIPOLYGON ({', '.join(f'(({ring}))' for ring in rings)})"
