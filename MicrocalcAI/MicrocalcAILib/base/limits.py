"""What is refused before memory is taken for it."""

from __future__ import annotations

from .errors import UnreadableImageError

BYTE_BUDGET = 512 * 2**20
"""Largest decoded size of one image, in bytes, where the caller says nothing else."""


def check_size(rows: int, columns: int, bytes_per_pixel: float, byte_budget: int) -> None:
    """Refuse an empty image, and one that would need more memory than allowed, before anything is decoded.

    Raises
    ------
    UnreadableImageError
    """
    if rows < 1 or columns < 1:
        raise UnreadableImageError(f"The image has {rows} rows and {columns} columns; please export it again.")
    needed = rows * columns * bytes_per_pixel
    if needed > byte_budget:
        raise UnreadableImageError(
            f"The file declares an image of {rows} × {columns} pixels that needs {needed / 2**20:,.0f} MiB, more than "
            f"the allowed {byte_budget / 2**20:,.0f} MiB; allow more bytes if the file is genuine."
        )
