"""Boxes found in overlapping tiles, joined so that a lesion on a border is one box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tiles import Tile

_BORDER_PX = 6.0  # a box that ends this close to a border may go on beyond it
_SAME_PART_IOU = 0.5  # of what two tiles show of a lesion where both see it
_COVERED = 0.5  # share of a cut box inside a whole one that makes it a part of that


@dataclass(frozen=True)
class TileBoxes:
    """Boxes on the grid of the whole image; the first axis of every array is the box.

    Parameters
    ----------
    edges : float array, shape (boxes, 4)
        Where the box begins and ends: first row, first column, last row, last column (grid coordinates; a box from 0
        to 1 covers the first pixel).
    scores, malignant : float arrays
        Probability of a lesion, and of a malignant one.
    cut : bool array
        Whether the box ends at a border of its tile that is not the image's.
    tile : float array, shape (boxes, 4)
        Edges of the tile it was found in.
    """

    edges: NDArray[np.float64]
    scores: NDArray[np.float64]
    malignant: NDArray[np.float64]
    cut: NDArray[np.bool_]
    tile: NDArray[np.float64]

    @classmethod
    def none(cls) -> TileBoxes:
        """No box."""
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0, np.bool_), np.zeros((0, 4)))

    @classmethod
    def of_tile(cls, lesions: Mapping[str, NDArray[np.float32]], tile: Tile, shape: tuple[int, ...]) -> TileBoxes:
        """What the network found in one tile (``boxes`` x1, y1, x2, y2; ``scores``; ``malignant``) of an image."""
        limits = np.array([tile[0].start, tile[1].start, tile[0].stop, tile[1].stop], np.float64)
        edges = lesions["boxes"][:, [1, 0, 3, 2]].astype(np.float64) + limits[[0, 1, 0, 1]]
        inner = limits != (0, 0, *shape)
        cut = ((np.abs(edges - limits) < _BORDER_PX) & inner).any(axis=1)
        scores, malignant = (lesions[name].astype(np.float64) for name in ("scores", "malignant"))
        return cls(edges, scores, malignant, cut, np.broadcast_to(limits, edges.shape))

    def chosen(self, index: NDArray[np.intp]) -> TileBoxes:
        """Some of the boxes, in that order."""
        return TileBoxes(
            self.edges[index], self.scores[index], self.malignant[index], self.cut[index], self.tile[index]
        )


def joined(found: Sequence[TileBoxes], nms_iou: float) -> TileBoxes:
    """The boxes of all tiles, each lesion once, by falling score.

    A box that its tile's border cuts is a part of a whole box of another tile when it lies inside it for the most part,
    and the same lesion as a cut box of another tile when both agree on what both tiles show; then their union counts.
    A lesion has the probabilities of its surest part. After that, of two boxes that overlap, the surer one stays.

    Parameters
    ----------
    found : sequence of TileBoxes
        One for each tile.
    nms_iou : float
        Largest intersection over union of two lesions.
    """
    parts = [boxes for boxes in found if len(boxes.scores)]
    if not parts:
        return TileBoxes.none()
    names = ("edges", "scores", "malignant", "cut", "tile")
    boxes = TileBoxes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    boxes = boxes.chosen(np.lexsort((-boxes.scores, boxes.cut)))  # whole ones first, surest first
    lesions: list[TileBoxes] = []
    for number in range(len(boxes.scores)):
        part = boxes.chosen(np.array([number]))
        others = []
        for lesion in lesions:
            if _same_lesion(lesion, part):
                part = _united(lesion, part)
            else:
                others.append(lesion)
        lesions = [*others, part]
    boxes = TileBoxes(*(np.concatenate([getattr(lesion, name) for lesion in lesions]) for name in names))
    return boxes.chosen(_apart(boxes, nms_iou))


def _same_lesion(lesion: TileBoxes, part: TileBoxes) -> bool:
    """Whether a part, cut by its tile, belongs to a lesion that another tile shows."""
    if not part.cut[0] or (lesion.tile == part.tile).all():
        return False
    if not lesion.cut[0]:
        return bool(_area(_common(lesion.edges, part.edges))[0] > _COVERED * _area(part.edges)[0])
    both = _common(lesion.tile, part.tile)
    seen, seen_too = _common(lesion.edges, both), _common(part.edges, both)
    return bool(_iou(seen, seen_too)[0] > _SAME_PART_IOU)


def _united(lesion: TileBoxes, part: TileBoxes) -> TileBoxes:
    surer = part if part.scores[0] > lesion.scores[0] else lesion
    edges, tile = lesion.edges, lesion.tile
    if lesion.cut[0]:
        edges, tile = (
            np.hstack([np.minimum(one[:, :2], other[:, :2]), np.maximum(one[:, 2:], other[:, 2:])])
            for one, other in ((lesion.edges, part.edges), (lesion.tile, part.tile))
        )
    return TileBoxes(edges, surer.scores, surer.malignant, lesion.cut, tile)


def _apart(boxes: TileBoxes, nms_iou: float) -> NDArray[np.intp]:
    """Indices of boxes that no surer box overlaps, by falling score."""
    kept: list[int] = []
    for candidate in np.argsort(-boxes.scores, kind="stable"):
        if not kept or _iou(boxes.edges[kept], boxes.edges[[candidate]]).max() <= nms_iou:
            kept.append(int(candidate))
    return np.array(kept, np.intp)


def _common(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection; its last edges lie before its first where there is none."""
    return np.hstack([np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])])


def _area(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.maximum(edges[:, 2:] - edges[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def _iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    common = _area(_common(one, other))
    union = _area(one) + _area(other) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
