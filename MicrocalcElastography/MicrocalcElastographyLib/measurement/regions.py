"""Regions of a lesion, of fat, of skin: drawn as ellipse or polygon, or taken from a label map.

A region lies on the whole image (the frame of a screen, or the map of values), not only on the elastography box, so
that its distance from skin and chest wall can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.base.volumes import read_label_map

from ..elastogram import Elastogram
from ..geometry import Rectangle

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Mask = NDArray[np.bool_]

_NUMBERS = re.compile(r"\s*([-+\d.,;\s]+?)\s*(mm|px)?\s*")
_USUAL_REACH_MM = 3.0  # of the ring, the widest of what is asked about one region
_LABEL_FILE = re.compile(r"(.+?)(?::(\d+))?")


@dataclass(frozen=True)
class Region:
    """Pixels of the image.

    Parameters
    ----------
    mask : bool array, shape of the image (see `image_shape`)
    description : str
        In words, how it was drawn; no file names.
    """

    mask: Mask
    description: str
    _distances: dict[tuple[float, float], _Distances] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def bounds(self) -> Rectangle:
        """The rectangle that holds it, when it is not empty."""
        return bounds_of(self.mask)

    @cached_property
    def edge(self) -> NDArray[np.intp]:
        """Row and column of its pixels with a neighbor outside it, shape (pixels, 2)."""
        part = self.mask[self.bounds.slices]
        flat = np.flatnonzero(part & ~_interior(part))  # several times as fast as numpy.argwhere
        return np.stack(np.divmod(flat, part.shape[1]), axis=1) + self.bounds[:2]

    def in_box(self, elastogram: Elastogram) -> Mask:
        """The part inside the elastography box, in the shape of its values."""
        return self.mask[box_of(elastogram).slices]

    def outside_share(self, elastogram: Elastogram) -> float:
        """Share of the region that lies outside the elastography box, 0 to 1."""
        return 1.0 - float(np.count_nonzero(self.in_box(elastogram)) / np.count_nonzero(self.mask))

    def within_reach(self, spacing_mm: tuple[float, float], reach_mm: float) -> Mask:
        """As the function :func:`within_reach`; what was computed for one reach serves the next."""
        known = self._distances.get(spacing_mm)
        if known is None or known.reach_mm < reach_mm:
            known = _Distances.around(self.mask, self.bounds, spacing_mm, max(reach_mm, _USUAL_REACH_MM))
            self._distances[spacing_mm] = known
        return known.within(reach_mm)


def image_shape(elastogram: Elastogram) -> tuple[int, int]:
    """Rows and columns of the image regions lie on: the frame of a screen, or the map of values."""
    rows, columns = (elastogram.values if elastogram.frame is None else elastogram.frame).shape[:2]
    return rows, columns


def box_of(elastogram: Elastogram) -> Rectangle:
    """The elastography box in the image."""
    return elastogram.box or Rectangle(0, 0, *elastogram.values.shape)


def origin_px(elastogram: Elastogram) -> tuple[int, int]:
    """Row and column from which millimeters are counted: the panel's upper left corner, at the probe's surface."""
    panel = elastogram.panel or Rectangle(0, 0, *image_shape(elastogram))
    return panel.top, panel.left


def spacing_of(elastogram: Elastogram) -> tuple[float, float]:
    """Distance between rows, between columns, in mm.

    Raises
    ------
    ParameterError
        When it is not known.
    """
    if elastogram.spacing_mm is None:
        raise ParameterError("The size of a pixel is not known; enter it (mm) to measure this elastogram.")
    return elastogram.spacing_mm


def ellipse_region(
    elastogram: Elastogram, center: tuple[float, float], radii: tuple[float, float], angle_degrees: float = 0.0
) -> Region:
    """Pixels whose center lies in an ellipse.

    Parameters
    ----------
    elastogram : Elastogram
    center : (float, float)
        Row and column in the image.
    radii : (float, float)
        Half axes in pixels: along the rows' direction (down), along the columns' direction (right), before turning.
    angle_degrees : float
        Turns the ellipse clockwise as seen on the screen.

    Raises
    ------
    ParameterError
        When no pixel of the image lies in it.
    """
    if not all(np.isfinite(radius) and radius > 0 for radius in radii):
        raise ParameterError("The half axes of an ellipse are above zero.")
    mask = np.zeros(image_shape(elastogram), dtype=bool)
    near = _within(mask.shape, center, max(radii))
    rows, columns = np.ogrid[near]
    down, right = rows - center[0], columns - center[1]
    angle = np.deg2rad(angle_degrees)
    along = right * np.cos(angle) + down * np.sin(angle)
    across = down * np.cos(angle) - right * np.sin(angle)
    mask[near] = (across / radii[0]) ** 2 + (along / radii[1]) ** 2 <= 1.0
    return _on_elastogram(elastogram, mask, "ellipse")


def _within(shape: tuple[int, ...], center: tuple[float, float], reach: float) -> tuple[slice, ...]:
    """The part of an image that holds everything within a distance of a place, in pixels."""
    ends = (
        (np.clip([np.floor(middle - reach), np.ceil(middle + reach) + 1], 0, length))
        for middle, length in zip(center, shape, strict=True)
    )
    return tuple(slice(int(first), int(last)) for first, last in ends)


def polygon_region(elastogram: Elastogram, corners: ArrayLike) -> Region:
    """Pixels in a polygon with the given corners, array-like of shape (corners, 2): row, column in the image.

    Raises
    ------
    ParameterError
        When there are fewer than three corners or no pixel lies in it.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ParameterError("A polygon needs at least three corners, each with x and y.")
    mask = _polygon(image_shape(elastogram), points)
    return _on_elastogram(elastogram, mask, f"polygon of {len(points)} corners")


def _polygon(shape: tuple[int, int], corners: NDArray[np.float64]) -> Mask:
    """Pixels whose center lies in a polygon or on its edges, by the even-odd rule.

    Line by line: an outline that follows the mouse has hundreds of corners, and `skimage.draw.polygon2mask` asks every
    pixel about every corner (some 30 times as slow).
    """
    mask = np.zeros(shape, dtype=bool)
    low, high = np.clip([corners.min(axis=0) - 1, corners.max(axis=0) + 2], 0, shape).astype(np.intp)
    height, width = high - low
    ends = np.zeros((height, width + 1), np.int32)
    (row, column), (next_row, next_column) = (corners - low).T, (np.roll(corners, -1, axis=0) - low).T
    upper, lower = np.minimum(row, next_row), np.maximum(row, next_row)
    # A side holds its upper end and not its lower one, and then the other way round: level sides belong to the polygon.
    for first, last in ((np.ceil(upper), np.ceil(lower)), (np.floor(upper) + 1, np.floor(lower) + 1)):
        first, last = (np.clip(line, 0, height).astype(np.intp) for line in (first, last))
        lines = last - first
        side = np.repeat(np.arange(len(corners)), lines)
        line = np.arange(len(side)) - np.repeat(np.cumsum(lines) - lines - first, lines)
        along = (line - row[side]) / (next_row - row)[side]
        crossed = np.clip(column[side] + along * (next_column - column)[side], -1, width)
        order = np.lexsort((crossed, line))
        line, crossed = line[order], crossed[order]
        np.add.at(ends, (line[::2], np.maximum(np.ceil(crossed[::2]), 0).astype(np.intp)), 1)
        np.add.at(ends, (line[1::2], np.minimum(np.floor(crossed[1::2]) + 1, width).astype(np.intp)), -1)
    mask[low[0] : high[0], low[1] : high[1]] = np.cumsum(ends[:, :-1], axis=1) > 0
    return mask


def label_region(elastogram: Elastogram, labels: NDArray[np.integer], value: int | None = None) -> Region:
    """One label of a label map that has the shape of the image or of the elastography box.

    Parameters
    ----------
    elastogram : Elastogram
    labels : integer array, shape (rows, columns)
    value : int or None
        None takes the only label there is.

    Raises
    ------
    ParameterError
        When shape or label do not fit.
    """
    shape, box = image_shape(elastogram), box_of(elastogram)
    if labels.shape not in (shape, elastogram.values.shape):
        raise ParameterError(
            f"The label map has {labels.shape[0]} × {labels.shape[1]} pixels; draw it on the image "
            f"({shape[0]} × {shape[1]}) or on the value map ({box.height} × {box.width})."
        )
    present = np.unique(labels[labels != 0]).tolist()
    if value is None:
        if len(present) != 1:
            raise ParameterError(f"The label map holds {len(present)} labels; say which one, as in labels.nrrd:1.")
        value = present[0]
    if value not in present:
        raise ParameterError(f"The label map has no label {value}; it holds {', '.join(map(str, present)) or 'none'}.")
    mask = np.zeros(shape, dtype=bool)
    mask[box.slices if labels.shape != shape else ...] = labels == value
    return _on_elastogram(elastogram, mask, f"label {value}")


def parse_region(elastogram: Elastogram, text: str) -> Region:
    """A region as people write it on a command line.

    ``x,y,rx,ry`` or ``x,y,rx,ry,degrees`` is an ellipse, six or more numbers are the corners ``x1,y1 x2,y2 …`` of a
    polygon; ``mm`` behind them counts millimeters from the panel's upper left corner (y is the depth below the probe),
    ``px`` or nothing pixels of the image. Anything else names a label map: ``labels.nrrd`` or ``labels.nrrd:2``.

    Raises
    ------
    ParameterError
    """
    places = _Places.of(elastogram, text)
    if places is None:
        return _region_of_file(elastogram, text)
    numbers = places.numbers
    if len(numbers) < 4 or (len(numbers) > 5 and len(numbers) % 2):
        raise ParameterError(
            f"A region of {len(numbers)} numbers is unclear; write x,y,rx,ry for an ellipse or x,y of every corner."
        )
    if len(numbers) > 5:
        return polygon_region(elastogram, [places.point(x, y) for x, y in zip(*[iter(numbers)] * 2, strict=True)])
    x, y, radius_x, radius_y, *angle = numbers
    row_px, column_px = places.pixels_per_unit
    if angle and not np.isclose(row_px, column_px):
        raise ParameterError("A turned ellipse needs pixels as high as wide; draw a polygon instead.")
    return ellipse_region(elastogram, places.point(x, y), (radius_y * row_px, radius_x * column_px), *angle)


def parse_point(elastogram: Elastogram, text: str) -> tuple[float, float]:
    """Row and column in the image of a point written ``x,y`` (pixels) or ``x,y mm``.

    Raises
    ------
    ParameterError
    """
    places = _Places.of(elastogram, text)
    if places is None or len(places.numbers) != 2:
        raise ParameterError(f"“{text}” is not a point; write x,y in pixels or “x,y mm”.")
    return places.point(*places.numbers)


@dataclass(frozen=True)
class _Places:
    """Numbers of a region and what they count from: pixels of the image, or mm from the panel's corner."""

    numbers: list[float]
    pixels_per_unit: tuple[float, float]
    origin: tuple[int, int]

    @classmethod
    def of(cls, elastogram: Elastogram, text: str) -> _Places | None:
        """None when the text is no list of numbers."""
        match = _NUMBERS.fullmatch(text)
        if match is None:
            return None
        try:
            numbers = [float(number) for number in re.split(r"[,;\s]+", match[1].strip(",; \t"))]
        except ValueError as error:
            raise ParameterError(f"“{text}” is not a list of numbers with decimal points.") from error
        if match[2] != "mm":
            return cls(numbers, (1.0, 1.0), (0, 0))
        row_mm, column_mm = spacing_of(elastogram)
        return cls(numbers, (1.0 / row_mm, 1.0 / column_mm), origin_px(elastogram))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Row and column in the image."""
        return self.origin[0] + y * self.pixels_per_unit[0], self.origin[1] + x * self.pixels_per_unit[1]


def rows_region(elastogram: Elastogram, depth_mm: float, *, below: bool) -> Region:
    """Everything below (chest wall) or above (skin) a depth under the probe's surface.

    Raises
    ------
    ParameterError
        When the spacing is unknown or the depth lies outside the image.
    """
    first = origin_px(elastogram)[0] + depth_mm / spacing_of(elastogram)[0]
    rows = np.arange(image_shape(elastogram)[0])[:, None]
    wanted = rows >= first if below else rows < first
    mask = np.broadcast_to(wanted, image_shape(elastogram)).copy()
    return _checked(Region(mask, f"{'below' if below else 'above'} {depth_mm:g} mm"))


def ring_around(elastogram: Elastogram, region: Region, width_mm: float) -> Region:
    """The tissue around a region: pixels outside it, at most ``width_mm`` from its nearest pixel center."""
    ring = region.within_reach(spacing_of(elastogram), width_mm) & ~region.mask
    return Region(ring, f"{width_mm:g} mm around it")


def within_reach(mask: Mask, spacing_mm: tuple[float, float], reach_mm: float) -> Mask:
    """Pixels at most so many mm from the nearest pixel of a mask (centers), those of the mask among them.

    Only the surroundings of the mask are looked at, so that a measurement can follow the mouse.
    """
    return _Distances.around(mask, bounds_of(mask), spacing_mm, reach_mm).within(reach_mm)


@dataclass(frozen=True)
class _Distances:
    """Distances in mm of the pixels around a mask from its nearest pixel (centers), as far as ``reach_mm``."""

    image_shape: tuple[int, ...]
    near: tuple[slice, slice]
    values_mm: NDArray[np.float64]
    reach_mm: float

    @classmethod
    def around(cls, mask: Mask, bounds: Rectangle, spacing_mm: tuple[float, float], reach_mm: float) -> _Distances:
        from scipy.ndimage import distance_transform_edt

        near = surroundings(bounds, tuple(int(np.ceil(reach_mm / length)) + 1 for length in spacing_mm))
        return cls(mask.shape, near, distance_transform_edt(~mask[near], sampling=spacing_mm), reach_mm)

    def within(self, reach_mm: float) -> Mask:
        reached = np.zeros(self.image_shape, dtype=bool)
        reached[self.near] = self.values_mm <= reach_mm
        return reached


def depth_inside(mask: Mask, spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Distance in mm of every pixel of a mask from the nearest pixel outside it (centers), 0 outside."""
    from scipy.ndimage import distance_transform_edt

    depth = np.zeros(mask.shape)
    near = surroundings(bounds_of(mask), (1, 1))
    depth[near] = distance_transform_edt(mask[near], sampling=spacing_mm)
    return depth


def gaps_mm(first: Region, others: Iterable[Region], spacing_mm: tuple[float, float]) -> list[float]:
    """Smallest distance in mm between pixels (centers) of a region and each of others, none empty; 0 for overlap."""
    from scipy.spatial import KDTree

    tree = KDTree(first.edge * spacing_mm)
    return [_gap_mm(first, other, tree, spacing_mm) for other in others]


def _gap_mm(first: Region, second: Region, edge_of_first: KDTree, spacing_mm: tuple[float, float]) -> float:
    common = first.bounds.intersection(second.bounds)
    if common.area and (first.mask[common.slices] & second.mask[common.slices]).any():
        return 0.0
    return float(edge_of_first.query(second.edge * spacing_mm)[0].min())


def middle_of(mask: Mask) -> tuple[float, float]:
    """Mean row and column of the pixels of a mask, not empty."""
    bounds = bounds_of(mask)
    part = mask[bounds.slices]
    counts = (np.count_nonzero(part, axis=axis) for axis in (1, 0))
    row, column = (float(count @ np.arange(len(count)) / count.sum()) for count in counts)
    return bounds.top + row, bounds.left + column


def _interior(mask: Mask) -> Mask:
    """Pixels whose four neighbors all belong to the mask."""
    inside: Mask = np.zeros_like(mask)
    inside[1:-1, 1:-1] = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return inside


def bounds_of(mask: Mask) -> Rectangle:
    """The rectangle that holds a mask, not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return Rectangle(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def surroundings(bounds: Rectangle, margin_px: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of an image that holds a rectangle, and so many rows and columns around it."""
    rows, columns = margin_px
    top, left, bottom, right = bounds
    return slice(max(top - rows, 0), bottom + rows), slice(max(left - columns, 0), right + columns)


def _region_of_file(elastogram: Elastogram, text: str) -> Region:
    match = _LABEL_FILE.fullmatch(text)
    path = Path(match[1] if match and not Path(text).is_file() else text)
    if not path.is_file():
        raise ParameterError(
            "A region is neither a list of numbers nor a file that exists; write x,y,rx,ry or name a label map."
        )
    try:
        stored = read_label_map(path)
    except (UnreadableImageError, UnsupportedImageError) as error:
        raise ParameterError(f"A label map cannot be read: {error}") from error
    value = int(match[2]) if match and match[2] and path != Path(text) else None
    return label_region(elastogram, stored, value)


def _on_elastogram(elastogram: Elastogram, mask: Mask, description: str) -> Region:
    """The region, moved to the panel with color when it was drawn on the paired B-mode panel."""
    region = _checked(Region(mask, description))
    if elastogram.b_mode_offset is None or elastogram.panel is None:
        return region
    rows, columns = elastogram.b_mode_offset
    twin = elastogram.panel.shifted(rows, columns).intersection(Rectangle(0, 0, *mask.shape))
    if not 2 * np.count_nonzero(mask[twin.slices]) > np.count_nonzero(mask):
        return region
    moved = np.zeros_like(mask)
    inside = twin.intersection(Rectangle(0, 0, *mask.shape).shifted(rows, columns))
    moved[inside.shifted(-rows, -columns).slices] = mask[inside.slices]
    return replace(_checked(Region(moved, description)), description=f"{description}, drawn on the B-mode panel")


def _checked(region: Region) -> Region:
    if not region.mask.any():
        raise ParameterError(f"The region ({region.description}) holds no pixel of the image; draw it again.")
    return region
