"""Exams with exact truth: the same lesions in two views of two simulated breasts, now and before.

A lesion has a place in the breast (outer, upper, along the posterior nipple line). A cranio-caudal view shows how far
outer, an oblique one upper and outer together; compression moves tissue a little, differently each time. A prior is the
same breast under another compression, with another pixel spacing and other gray values, as from another vendor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ..exam.change import FEWER, MORE, NEW, UNCHANGED
from ..exam.coarse import CoarseBreast
from ..exam.nipple import Nipple
from ..exam.place import USUAL_ANGLE_DEGREES, Frame, inward_of
from .backgrounds import COARSE, Background
from .calcifications import MORPHOLOGIES
from .insertion import Insertion
from .parameters import PhantomParameters
from .phantom import Phantom, phantom_of
from .power_law import BreastParameters, power_law_background

VIEWS = ("CC", "MLO")
NOW, BEFORE = "now", "before"
SHIFT_MM = 3.0
"""How far compression moves a lesion in a view along and across the posterior nipple line (standard deviation)."""
CHANGES = {NEW: 0.0, MORE: 0.35, UNCHANGED: 1.0, FEWER: 2.5}
"""Calcifications before over calcifications now."""
_TRIES = 200
_KINDS = ("amorphous", "fine pleomorphic", "punctate", "coarse heterogeneous")


@dataclass(frozen=True)
class Lesion:
    """A group of calcifications in a breast.

    Parameters
    ----------
    laterality : {"L", "R"}
    outer_mm, upper_mm, along_mm : float
        From the nipple; along the posterior nipple line toward the chest wall.
    morphology : str
    count : int
        Calcifications that were asked for, now.
    change : str
        A key of :data:`CHANGES`.
    """

    laterality: str
    outer_mm: float
    upper_mm: float
    along_mm: float
    morphology: str
    count: int
    change: str


@dataclass(frozen=True)
class PhantomView:
    """One image of a simulated exam.

    Parameters
    ----------
    laterality, view, when : str
    phantom : Phantom
        Cluster ids follow :attr:`lesions`.
    frame : Frame
        The true nipple and posterior nipple line.
    lesions : tuple of int
        Index of the lesion of each cluster of the phantom, in the order of their ids.
    """

    laterality: str
    view: str
    when: str
    phantom: Phantom
    frame: Frame
    lesions: tuple[int, ...]


@dataclass(frozen=True)
class PhantomExam:
    """Both breasts of a simulated woman in two views, now and before."""

    lesions: tuple[Lesion, ...]
    views: tuple[PhantomView, ...]


def simulate_exam(seed: int, spacing_mm: float = 0.1) -> PhantomExam:
    """Simulate an exam of four views and its prior; the same seed gives the same pixels.

    Parameters
    ----------
    seed : int
    spacing_mm : float
        Pixel spacing now; that of the prior is 1, 1.2 or 0.8 times as large.
    """
    rng = np.random.default_rng([seed, 1])
    lesions: list[Lesion] = []
    views = []
    look = _Look.drawn(rng)
    for side in ("R", "L"):
        density, thickness_mm = float(rng.uniform(0.08, 0.45)), float(rng.uniform(35, 70))
        backgrounds = {}
        for number, view in enumerate(VIEWS):
            parameters = BreastParameters(
                view=view,
                spacing_mm=spacing_mm,
                density=(density, density),
                thickness_mm=(thickness_mm, thickness_mm),
                laterality=side,
            )
            now = power_law_background([seed, "RL".index(side), number], parameters)
            backgrounds[view, NOW], backgrounds[view, BEFORE] = now, look.applied(now)
        frames = {key: true_frame(background) for key, background in backgrounds.items()}
        first = len(lesions)
        shifts = []
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.2, 0.4, 0.3, 0.1]))):
            drawn = _lesion(rng, side, backgrounds, frames)
            if drawn is not None and all(_apart(drawn[0], other) for other in lesions[first:]):
                lesions.append(drawn[0])
                shifts.append(drawn[1])
        for key, background in backgrounds.items():
            view, when = key
            insertion = Insertion(background, _parameters(), np.random.default_rng([seed, 2, *map(ord, side + view)]))
            shown = []
            for index, shift in enumerate(shifts, start=first):
                count = _count(lesions[index], when)
                if count:
                    before = len(insertion.clusters)
                    center_mm = _position_mm(lesions[index], view, frames[key], shift[key])
                    morphology = MORPHOLOGIES[lesions[index].morphology]
                    insertion.add_cluster_at(center_mm, morphology, "grouped", count)
                    shown += [index] * (len(insertion.clusters) - before)
            for _ in range(int(rng.integers(0, 4))):
                insertion.add_single()
            phantom = phantom_of(background, insertion, [seed])
            views.append(PhantomView(side, view, when, phantom, frames[key], tuple(shown)))
    return PhantomExam(tuple(lesions), tuple(views))


def true_frame(background: Background) -> Frame:
    """The directions of a simulated breast, from its true nipple and muscle."""
    spacing_mm = background.spacing_mm
    breast = np.ascontiguousarray(background.breast[::COARSE, ::COARSE])
    muscle = np.zeros_like(breast)
    if background.excluded is not None:
        muscle = background.excluded[::COARSE, ::COARSE] & breast
    depth = ndimage.distance_transform_edt(breast, sampling=COARSE * spacing_mm).astype(np.float32)
    pixels = np.ascontiguousarray(background.mammogram.pixels[::COARSE, ::COARSE])
    cell_mm = COARSE * spacing_mm
    coarse = CoarseBreast(
        pixels, breast, muscle, depth, (cell_mm, cell_mm), (0.0, 0.0), background.mammogram.chest_wall_side
    )
    y_mm, x_mm = (float(value) * spacing_mm for value in background.nipple)
    nipple = Nipple.by_reader(y_mm, x_mm)
    return Frame(nipple, inward_of(coarse), math.nan, across_known=True)


def _parameters() -> PhantomParameters:
    return PhantomParameters(contrast_to_noise=(6.0, 20.0))


def _count(lesion: Lesion, when: str) -> int:
    return lesion.count if when == NOW else round(CHANGES[lesion.change] * lesion.count)


def _apart(lesion: Lesion, other: Lesion) -> bool:
    """Lesions that are no single group in any view."""
    angle = math.radians(90 - USUAL_ANGLE_DEGREES)
    across = [
        (one.outer_mm, one.upper_mm * math.cos(angle) + one.outer_mm * math.sin(angle)) for one in (lesion, other)
    ]
    return all(math.hypot(a - b, lesion.along_mm - other.along_mm) > 25 for a, b in zip(*across, strict=True))


def _lesion(
    rng: Generator,
    side: str,
    backgrounds: dict[tuple[str, str], Background],
    frames: dict[tuple[str, str], Frame],
) -> tuple[Lesion, dict[tuple[str, str], NDArray[np.float64]]] | None:
    """A lesion that all images can show, and how far it moves in each; None where none was found."""
    for _ in range(_TRIES):
        lesion = Lesion(
            side,
            float(rng.normal(5, 20)),
            float(rng.normal(5, 20)),
            float(rng.uniform(15, 75)),
            str(rng.choice(_KINDS)),
            int(rng.integers(10, 31)),
            str(rng.choice(list(CHANGES))),
        )
        shifts = {key: rng.normal(0, SHIFT_MM, 2) for key in backgrounds}
        places = {key: _position_mm(lesion, key[0], frames[key], shifts[key]) for key in backgrounds}
        if all(_holds(backgrounds[key], place) for key, place in places.items()):
            return lesion, shifts
    return None


def _holds(background: Background, place_mm: NDArray[np.float64]) -> bool:
    """Whether a group around a place lies in the breast."""
    around = [(0.0, 0.0), (6.0, 0.0), (-6.0, 0.0), (0.0, 6.0), (0.0, -6.0)]
    return all(background.holds(place_mm[0] + down, place_mm[1] + right) for down, right in around)


def _position_mm(lesion: Lesion, view: str, frame: Frame, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    across = lesion.outer_mm
    if view == "MLO":
        angle = math.radians(90 - USUAL_ANGLE_DEGREES)
        across = lesion.upper_mm * math.cos(angle) + lesion.outer_mm * math.sin(angle)
    return frame.position_mm(lesion.along_mm + float(shift[0]), across + float(shift[1]))


@dataclass(frozen=True)
class _Look:
    """Another compression on another vendor's machine."""

    spacing_factor: float
    scale: float
    down_mm: float
    gamma: float

    @classmethod
    def drawn(cls, rng: Generator) -> _Look:
        return cls(
            float(rng.choice([1.0, 1.2, 0.8])),
            float(rng.uniform(0.96, 1.04)),
            float(rng.uniform(-8, 8)),
            float(np.exp(rng.uniform(-0.35, 0.35))),
        )

    def applied(self, background: Background) -> Background:
        """The breast scaled from the middle of its chest wall, moved down, on other pixels, with other gray values."""
        mammogram = background.mammogram
        spacing_mm = background.spacing_mm * self.spacing_factor
        shape = tuple(round(length / self.spacing_factor) for length in mammogram.pixels.shape)
        from_row = background.nipple[0]
        from_column = 0.0 if mammogram.chest_wall_side == "left" else mammogram.pixels.shape[1] - 1.0
        step = self.spacing_factor / self.scale  # old pixels per new pixel
        down = self.down_mm / background.spacing_mm
        to_row = (from_row + down) / self.spacing_factor
        to_column = 0.0 if mammogram.chest_wall_side == "left" else shape[1] - 1.0
        offset = (from_row - step * to_row, from_column - step * to_column)

        def moved(values: NDArray, order: int) -> NDArray:
            warped: NDArray = ndimage.affine_transform(values, (step, step), offset, shape, order=order, mode="nearest")
            return warped

        pixels = moved(mammogram.pixels, 1)
        white = background.white
        pixels = np.round(white * np.clip(pixels / white, 0, 1) ** self.gamma).astype(np.float32)
        return replace(
            background,
            mammogram=replace(mammogram, pixels=pixels, spacing_mm=(spacing_mm, spacing_mm)),
            breast=moved(background.breast.astype(np.uint8), 0) > 0,
            excluded=None if background.excluded is None else moved(background.excluded.astype(np.uint8), 0) > 0,
            nipple=(to_row, to_column + (background.nipple[1] - from_column) / step),
        )
