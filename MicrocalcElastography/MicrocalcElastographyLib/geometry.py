"""Rectangles on a screen, in pixels."""

from __future__ import annotations

from typing import NamedTuple


class Rectangle(NamedTuple):
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a frame; bottom and right are not part of it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """Number of pixels, 0 for an empty rectangle."""
        return max(self.height, 0) * max(self.width, 0)

    @property
    def center(self) -> tuple[float, float]:
        """Row and column of the middle."""
        return (self.top + self.bottom - 1) / 2, (self.left + self.right - 1) / 2

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices for an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def shifted(self, rows: int, columns: int) -> Rectangle:
        """Moved down by ``rows`` and right by ``columns``."""
        return Rectangle(self.top + rows, self.left + columns, self.bottom + rows, self.right + columns)

    def grown(self, pixels: int) -> Rectangle:
        """Larger by ``pixels`` on every side (smaller when negative)."""
        return Rectangle(self.top - pixels, self.left - pixels, self.bottom + pixels, self.right + pixels)

    def intersection(self, other: Rectangle) -> Rectangle:
        """The common part; its area is 0 when there is none."""
        return Rectangle(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def contains(self, other: Rectangle) -> bool:
        """Whether ``other`` lies inside, borders included."""
        return self.intersection(other) == other

    def inside_frame(self, rows: int, columns: int) -> bool:
        """Whether it is not empty and lies inside a frame of that size."""
        return self.area > 0 and Rectangle(0, 0, rows, columns).contains(self)


def rectangle_of(slices: tuple[slice, slice]) -> Rectangle:
    """The rectangle of a pair of row and column slices, as ``scipy.ndimage.find_objects`` returns them."""
    return Rectangle(slices[0].start, slices[1].start, slices[0].stop, slices[1].stop)
