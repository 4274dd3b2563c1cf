"""Simulated clusters in pieces of mammograms, in the looks of many detectors: much variety for little time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ..phantom import Background, PhantomParameters
from ..phantom.calcifications import MORPHOLOGIES
from ..phantom.distributions import COUNT_FACTOR
from ..phantom.insertion import Insertion
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion, edge_distance, find_breast
from ..segmentation.candidates import Candidates, bounding_box
from .degradation import degraded

SIDE_MM = 44.0
BORDER_MM = 10.0  # candidates nearer to the border of a window lack their neighborhood
_WITH_CLUSTER = 0.6  # of the windows
_LARGE_MM = 2.0  # pieces of longer calcifications are right marks
_PARAMETERS = PhantomParameters(clusters=(0, 0), singles=(0, 2), distractors=(0, 3))


@dataclass(frozen=True)
class Window:
    """A piece of a mammogram with simulated calcifications.

    Parameters
    ----------
    mammogram : Mammogram
    breast : BreastRegion
        Of the piece; its borders are no skin.
    labels : int32 array, shape (rows, columns)
        Number of the calcification that a pixel belongs to, 0 for none.
    pieces : int array, shape (calcifications + 1,)
        1 for the labels of which a part is a right mark: long casts, and the specks of a cloud.
    clustered : bool array, shape (calcifications + 1,)
        Which labels belong to the cluster in the middle.
    morphology : str
        Of the cluster in the middle; empty without one.
    depth_mm : float32 array, shape (rows, columns)
        Distance from the skin in the whole mammogram.
    is_real : bool
        The background is an image, in which nobody labeled anything.
    """

    mammogram: Mammogram
    breast: BreastRegion
    labels: NDArray[np.int32]
    pieces: NDArray[np.int8]
    clustered: NDArray[np.bool_]
    morphology: str
    depth_mm: NDArray[np.float32]
    is_real: bool

    def is_inner(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Which candidates have their neighborhood in the window."""
        inside = np.ones(len(candidates), np.bool_)
        peaks = (candidates.peak_rows, candidates.peak_columns)
        for axis, (peak, spacing_mm) in enumerate(zip(peaks, self.mammogram.spacing_mm, strict=True)):
            last = self.labels.shape[axis] - 1
            inside &= np.minimum(peak, last - peak) * spacing_mm >= BORDER_MM
        return inside

    @property
    def inner_area_cm2(self) -> float:
        """Area of the breast in which candidates have their neighborhood."""
        rows, columns = (round(BORDER_MM / spacing_mm) for spacing_mm in self.mammogram.spacing_mm)
        inner = self.breast.mask[rows:-rows, columns:-columns]
        return float(inner.sum()) * float(np.prod(self.mammogram.spacing_mm)) / 100


def windows_of(background: Background, count: int, seed: list[int], morphology: str = "") -> Iterator[Window]:
    """Windows at random places of a breast.

    Parameters
    ----------
    background : Background
    count : int
    seed : list of int
    morphology : str
        Of all clusters, one in every window; by default they are drawn as in phantoms, for six windows of ten.
    """
    mammogram = background.mammogram
    region = find_breast(mammogram)
    depth = edge_distance(region, mammogram.spacing_mm)
    half = round(SIDE_MM / 2 / background.spacing_mm)
    for number in range(count):
        rng = np.random.default_rng([*seed, number])
        center = np.rint(background.random_point_mm(rng) / background.spacing_mm).astype(int)
        center = np.clip(center, half, np.maximum(np.array(background.breast.shape) - half, half))
        rows, columns = (slice(max(middle - half, 0), middle + half) for middle in center.tolist())
        piece = _piece(background, rows, columns)
        insertion = Insertion(piece, _PARAMETERS, rng)
        insertion.add_distractors()
        chosen = ""
        if morphology or rng.random() < _WITH_CLUSTER:
            chosen = _add_cluster(insertion, rng, morphology)
        for _ in range(int(rng.integers(_PARAMETERS.singles[0], _PARAMETERS.singles[1] + 1))):
            insertion.add_single()
        height, width = piece.breast.shape
        depth_mm = depth.at(rows.start + np.arange(height)[:, None], columns.start + np.arange(width))
        yield _seen(insertion, chosen, depth_mm, rng)


def _piece(background: Background, rows: slice, columns: slice) -> Background:
    mammogram = background.mammogram
    return replace(
        background,
        mammogram=replace(
            mammogram, pixels=np.ascontiguousarray(mammogram.pixels[rows, columns]), valid=None, display_window=None
        ),
        breast=background.breast[rows, columns],
        excluded=None if background.excluded is None else background.excluded[rows, columns],
        nipple=(background.nipple[0] - rows.start, background.nipple[1] - columns.start),
    )


def _add_cluster(insertion: Insertion, rng: Generator, name: str) -> str:
    """A cluster in the middle of the window; its morphology, empty where it finds no place."""
    pairs = [
        (morphology, distribution)
        for morphology, distribution in PhantomParameters().pairs()
        if distribution != "diffuse" and name in ("", morphology.name)
    ]
    weights = np.array([morphology.share(distribution) for morphology, distribution in pairs])
    morphology, distribution = pairs[rng.choice(len(pairs), p=weights / weights.sum())]
    wanted = int(rng.integers(morphology.count[0], morphology.count[1] + 1) * COUNT_FACTOR[distribution])
    middle_mm = np.array(insertion.pixels.shape) * insertion.spacing_mm / 2 + rng.uniform(-4, 4, 2)
    insertion.add_cluster_at(middle_mm, morphology, distribution, wanted)
    return morphology.name if insertion.clusters else ""


def _seen(insertion: Insertion, morphology: str, depth_mm: NDArray[np.float32], rng: Generator) -> Window:
    """The window as another detector and another archive would show it."""
    background = insertion.background
    spacing_mm = background.spacing_mm
    pixels, seen_mm, scale = degraded(insertion.quantized_pixels(), spacing_mm, rng)
    labels, mask = insertion.labels, background.breast
    if scale != (1.0, 1.0):
        # every speck keeps a pixel: the largest number among those that become one
        size = [max(round(factor), 1) for factor in scale]
        labels = _at(ndimage.maximum_filter(labels, size), pixels.shape)
        mask, depth_mm = (_at(values, pixels.shape) for values in (mask, depth_mm))
    is_cloud = bool(morphology) and MORPHOLOGIES[morphology].is_cloud
    pieces = [row["length_mm"] > _LARGE_MM or (is_cloud and row["cluster_id"] > 0) for row in insertion.calcifications]
    box = bounding_box(mask) or (0, 0, 0, 0)
    region = BreastRegion(
        mask=mask,
        box=(slice(box[0], box[1]), slice(box[2], box[3])),
        chest_wall_side=None,
        pectoral_muscle=None,
        area_cm2=float(mask.sum()) * seen_mm**2 / 100,
    )
    mammogram = replace(background.mammogram, pixels=pixels, spacing_mm=(seen_mm, seen_mm))
    found = np.array([0, *pieces], np.int8)
    clustered = np.array([False, *(row["cluster_id"] > 0 for row in insertion.calcifications)])
    return Window(mammogram, region, labels, found, clustered, morphology, depth_mm, background.kind == "image")


def _at(values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """The nearest values on a coarser grid of that shape over the same piece."""
    rows, columns = (
        np.minimum(((np.arange(length) + 0.5) * old / length).astype(int), old - 1)
        for length, old in zip(shape, values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]
