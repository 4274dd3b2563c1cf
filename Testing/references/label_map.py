"""Segments divided into calcifications on arrays of the whole image: oracle of the tests, opponent in a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def divide_image(
    masks: Sequence[tuple[int, int, NDArray[np.bool_]]], known: NDArray[np.int32], first_new_id: int
) -> NDArray[np.int32]:
    """Label map of segments; parts keep the known ids, the rule is that of ``MicrocalcAILib.editing.label_map``."""
    owners = np.zeros(known.shape, np.uint16)
    for number, (top, left, mask) in enumerate(masks, start=1):
        part = owners[top : top + mask.shape[0], left : left + mask.shape[1]]
        part[mask & (part == 0)] = number
    parts = np.zeros(owners.shape, np.int32)
    for number in range(1, len(masks) + 1):
        own, _ = ndimage.label(owners == number, np.ones((3, 3)))
        parts[own > 0] = own[own > 0] + parts.max()
    rows, columns = np.nonzero(parts)
    _, first, parts[rows, columns] = np.unique(parts[rows, columns], return_index=True, return_inverse=True)
    order = np.argsort(first)  # parts are numbered in reading order
    parts[rows, columns] = 1 + np.argsort(order)[parts[rows, columns]]
    labels = np.zeros(known.shape, np.int32)
    keeper: dict[int, int] = {}
    overlaps = np.column_stack((parts[rows, columns], known[rows, columns]))
    pairs, counts = np.unique(overlaps[overlaps[:, 1] > 0], axis=0, return_counts=True)
    for index in np.argsort(-counts, kind="stable"):
        keeper.setdefault(int(pairs[index, 1]), int(pairs[index, 0]))
    new = first_new_id
    for number in range(1, len(order) + 1):
        mask = parts == number
        kept = [identifier for identifier, part in keeper.items() if part == number]
        if not kept:
            labels[mask] = new
            new += 1
        elif len(kept) == 1:
            labels[mask] = kept[0]
        else:
            sure = mask & np.isin(known, kept)
            nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
            labels[mask] = known[tuple(nearest)][mask]
    return labels
