"""The outlines of specks as lines along the edges of their pixels, for drawing over an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# from a pixel's center to its neighbor, and to both ends of the edge between them
_EDGES = (
    ((-1, 0), ((-0.5, -0.5), (-0.5, 0.5))),
    ((1, 0), ((0.5, -0.5), (0.5, 0.5))),
    ((0, -1), ((-0.5, -0.5), (0.5, -0.5))),
    ((0, 1), ((-0.5, 0.5), (0.5, 0.5))),
)


def border_lines(outlines: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]]) -> NDArray[np.float64]:
    """Line pieces around each outline, also between two that touch.

    Parameters
    ----------
    outlines : sequence of (rows, columns)
        The pixels of each; no pixel is in two of them.

    Returns
    -------
    float array, shape (pieces, 2, 2)
        (row, column) of both ends of each piece; a pixel reaches from −0.5 to 0.5 around its position.
    """
    return np.concatenate([np.empty((0, 2, 2)), *border_lines_of_each(outlines)])


def border_lines_of_each(
    outlines: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]],
) -> list[NDArray[np.float64]]:
    """As :func:`border_lines`, those of each outline by themselves."""
    if not any(len(rows) for rows, _ in outlines):
        return [np.empty((0, 2, 2)) for _ in outlines]
    owners = np.repeat(np.arange(len(outlines)), [len(rows) for rows, _ in outlines])
    places = np.column_stack([np.concatenate(parts) for parts in zip(*outlines, strict=True)]).astype(np.int64)
    width = int(places[:, 1].max()) + 3
    keys = (places[:, 0] + 1) * width + places[:, 1] + 1
    order = np.argsort(keys)
    pieces, owner_of_piece = [], []
    for (down, across), ends in _EDGES:
        wanted = keys + down * width + across
        found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        is_inside = (keys[found] == wanted) & (owners[found] == owners)
        pieces.append(places[~is_inside, None, :] + np.array(ends))
        owner_of_piece.append(owners[~is_inside])
    owner = np.concatenate(owner_of_piece)
    by_owner = np.argsort(owner, kind="stable")
    ends_of_each = np.searchsorted(owner[by_owner], np.arange(1, len(outlines)))
    return np.split(np.concatenate(pieces)[by_owner], ends_of_each)
