"""Placing calcifications in an image, one cluster after the other, and keeping the truth about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..analysis import SINGLES
from .backgrounds import Background
from .calcifications import MORPHOLOGIES, Morphology, Setting, drawn_morphology
from .distractors import drawn_distractor
from .distributions import COUNT_FACTOR, DISTRIBUTIONS, Place, Site
from .glow import Glow, haze, strand
from .imaging import NOISE_TILE, SUPERSAMPLING, Projection, noise_map, project
from .parameters import PhantomParameters

_TRIES = 12  # places tried for one calcification before it is left out
_CLUSTER_TRIES = 8  # centers tried for one cluster
_ON_A_STRAND = 0.4  # of the clusters in a line: specks that lie on a bright strand


@dataclass(frozen=True)
class _Placed:
    projection: Projection
    morphology: str
    thickness_mm: float


class Insertion:
    """An image under construction: its pixels, its labels and the rows of its tables."""

    def __init__(self, background: Background, parameters: PhantomParameters, rng: Generator) -> None:
        self.background, self.parameters, self.rng = background, parameters, rng
        self.spacing_mm = background.spacing_mm
        self.pixels = background.mammogram.pixels.copy()
        self.labels = np.zeros(self.pixels.shape, np.int32)
        self.noise = noise_map(self.pixels, background.breast, self.spacing_mm, background.step)
        self.blur_sigma_mm = float(np.hypot(background.noise_blur_mm, rng.uniform(*parameters.blur_sigma_mm)))
        self.lateral = background.mammogram.view in {"MLO", "ML", "LM", "LMO"}
        self.calcifications: list[dict[str, Any]] = []
        self.clusters: list[dict[str, Any]] = []
        self.distractors: list[dict[str, Any]] = []

    def add_distractors(self) -> None:
        wanted = self.parameters.distractors
        if wanted is None:
            wanted = (0, 0) if self.background.kind == "image" else (4, 20)
        for _ in range(int(self.rng.integers(wanted[0], wanted[1] + 1))):
            name, distractor = drawn_distractor(self.rng, self.spacing_mm, self.blur_sigma_mm)
            center = np.rint(self.background.random_point_mm(self.rng) / self.spacing_mm).astype(int)
            first = center - np.array(distractor.signal.shape) // 2
            last = first + distractor.signal.shape
            if (first < 0).any() or (last > self.pixels.shape).any():
                continue
            amplitude = distractor.contrast_to_noise * self.noise[tuple(center // NOISE_TILE)]
            self.pixels[first[0] : last[0], first[1] : last[1]] += amplitude * distractor.signal
            row, column = center.tolist()
            self.distractors.append({"kind": name, "row": row, "column": column})

    def add_cluster(self) -> None:
        pairs = self.parameters.pairs()
        weights = np.array([morphology.share(distribution) for morphology, distribution in pairs])
        morphology, distribution = pairs[self.rng.choice(len(pairs), p=weights / weights.sum())]
        self.add_cluster_of(morphology, distribution)

    def add_cluster_of(self, morphology: Morphology, distribution: str) -> None:
        """A cluster of known kind at a random place."""
        wanted = int(self.rng.integers(morphology.count[0], morphology.count[1] + 1) * COUNT_FACTOR[distribution])
        self._add_cluster(morphology, distribution, wanted)

    def add_cluster_at(
        self, center_mm: NDArray[np.float64], morphology: Morphology, distribution: str, wanted: int
    ) -> None:
        """A cluster of known kind and size around a place (y, x) in mm."""
        self._add_cluster(morphology, distribution, wanted, center_mm)

    def _add_cluster(
        self, morphology: Morphology, distribution: str, wanted: int, center_mm: NDArray[np.float64] | None = None
    ) -> None:
        layout = morphology.layouts.get(distribution, DISTRIBUTIONS[distribution])
        cluster_id = len(self.clusters) + 1
        for _ in range(_CLUSTER_TRIES):
            place = Place(
                self.background.random_point_mm(self.rng) if center_mm is None else center_mm,
                np.array(self.background.nipple) * self.spacing_mm,
                self.background.random_point_mm,
            )
            sites = layout(self.rng, place)
            # half of the sites outside the breast: the cluster would be cut off, so try another center
            proposed = [next(sites) for _ in range(wanted)]
            if np.mean([self.background.holds(*site.point_mm) for site in proposed]) > 0.7:
                break
        placed = []
        for site in proposed:
            for _ in range(_TRIES):
                member = drawn_morphology(self.rng, morphology)
                found = self._place(site, member, morphology.is_cloud)
                if found:
                    placed.append(found)
                    break
                site = next(sites)
        contrast = self._image(placed, cluster_id, morphology)
        rows = [row for row in self.calcifications if row["cluster_id"] == cluster_id]
        points = np.array([(row["row"], row["column"]) for row in rows])
        if morphology.is_cloud and rows:
            self._add_glow(haze(self.rng, points, self.spacing_mm), contrast)
        elif distribution == "linear" and len(rows) > 2 and self.rng.random() < _ON_A_STRAND:
            self._add_glow(strand(self.rng, points, self.spacing_mm), contrast)
        if rows:
            self.clusters.append(_cluster_row(cluster_id, morphology.name, distribution, rows))

    def add_single(self) -> None:
        chosen = [m for m in MORPHOLOGIES.values() if m.single_weight > 0]
        weights = np.array([morphology.single_weight for morphology in chosen])
        morphology = chosen[self.rng.choice(len(chosen), p=weights / weights.sum())]
        for _ in range(_TRIES):
            site = Site(self.background.random_point_mm(self.rng), float(self.rng.uniform(0, np.pi)))
            found = self._place(site, morphology)
            if found:
                self._image([found], SINGLES, morphology)
                break

    def _add_glow(self, glow: Glow, contrast: float) -> None:
        """Add soft tissue behind a cluster; ``contrast`` is the cluster's own, in units of the noise."""
        rows, columns = glow.signal.shape
        first = max(glow.row, 0), max(glow.column, 0)
        last = min(glow.row + rows, self.pixels.shape[0]), min(glow.column + columns, self.pixels.shape[1])
        noise = self.noise[(glow.row + rows // 2) // NOISE_TILE, (glow.column + columns // 2) // NOISE_TILE]
        part = glow.signal[first[0] - glow.row : last[0] - glow.row, first[1] - glow.column : last[1] - glow.column]
        self.pixels[first[0] : last[0], first[1] : last[1]] += glow.share * contrast * noise * part

    def _place(self, site: Site, morphology: Morphology, may_touch: bool = False) -> _Placed | None:
        """Draw one calcification at a site and claim its pixels; None where it does not fit.

        One that may touch others takes the pixels that are free, where these are at least half of its own.
        """
        if not self.background.holds(*site.point_mm):
            return None
        pitch_mm = self.spacing_mm / SUPERSAMPLING
        thickness = morphology.draw(self.rng, Setting(pitch_mm, site.direction, self.lateral))
        row, column = site.point_mm / self.spacing_mm
        projection = project(thickness, row, column, self.blur_sigma_mm, pitch_mm)
        rows, columns = projection.member.shape
        if projection.row < 1 or projection.column < 1:
            return None
        around = self.labels[
            projection.row - 1 : projection.row + rows + 1, projection.column - 1 : projection.column + columns + 1
        ]
        if around.shape != (rows + 2, columns + 2):
            return None
        if may_touch:
            free = projection.member & (around[1:-1, 1:-1] == 0)
            if 2 * free.sum() < projection.member.sum():
                return None
            projection = replace(projection, member=free)
        elif self._touches(around, projection.member):
            return None
        around[1:-1, 1:-1][projection.member] = len(self.calcifications) + 1
        self.calcifications.append({})
        return _Placed(projection, morphology.name, float(thickness.max()))

    @staticmethod
    def _touches(around: NDArray[np.int32], member: NDArray[np.bool_]) -> bool:
        """Whether another calcification lies on the same pixels or next to them."""
        taken = around > 0
        if not taken.any():
            return False
        rows, columns = member.shape
        return any(
            bool((taken[down : down + rows, right : right + columns] & member).any())
            for down in range(3)
            for right in range(3)
        )

    def _image(self, placed: list[_Placed], cluster_id: int, cluster: Morphology) -> float:
        """Give a cluster its contrast and add it to the pixels; returns the contrast, in units of the noise."""
        if not placed:
            return 0.0
        low, high = self.parameters.contrast_to_noise
        faintest, strongest = low * max(cluster.contrast, 1.0), max(high * cluster.contrast, low)
        target = np.exp(self.rng.uniform(np.log(faintest), np.log(strongest)))
        peaks = np.array([calcification.projection.thickness_mm.max() for calcification in placed])
        ratios = target * peaks / np.median(peaks) * np.exp(self.rng.normal(0, 0.2, len(placed)))
        ratios = np.clip(ratios, max(low, faintest / 2), strongest)
        first_id = len(self.calcifications) - len(placed) + 1
        for index, (calcification, ratio, peak) in enumerate(zip(placed, ratios, peaks, strict=True)):
            projection = calcification.projection
            rows, columns = projection.member.shape
            window = np.s_[projection.row : projection.row + rows, projection.column : projection.column + columns]
            middle = (projection.row + rows // 2) // NOISE_TILE, (projection.column + columns // 2) // NOISE_TILE
            noise = self.noise[middle]
            self.pixels[window] += projection.thickness_mm * (ratio * noise / peak)
            self.calcifications[first_id - 1 + index] = self._calcification_row(
                first_id + index, cluster_id, calcification, float(ratio)
            )
        return float(target)

    def _calcification_row(
        self, identifier: int, cluster_id: int, calcification: _Placed, ratio: float
    ) -> dict[str, Any]:
        projection = calcification.projection
        points = np.argwhere(projection.member)
        row = float(points[:, 0].mean()) + projection.row
        column = float(points[:, 1].mean()) + projection.column
        return {
            "id": identifier,
            "cluster_id": cluster_id,
            "row": row,
            "column": column,
            "x_mm": column * self.spacing_mm,
            "y_mm": row * self.spacing_mm,
            "area_mm2": len(points) * self.spacing_mm**2,
            "length_mm": (_greatest_width(points) + 1) * self.spacing_mm,
            "thickness_mm": calcification.thickness_mm,
            "morphology": calcification.morphology,
            "contrast_to_noise": ratio,
        }

    def quantized_pixels(self) -> NDArray[np.float32]:
        """The image on the background's grey levels and within its range."""
        original, step = self.background.mammogram.pixels, self.background.step
        added = self.pixels - original
        if step:
            added = np.round(added / step) * step
        lowest = float(original.min())
        return np.where(added == 0, original, np.clip(original + added, lowest, self.background.white))


def _cluster_row(identifier: int, morphology: str, distribution: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    means = {key: float(np.mean([row[key] for row in rows])) for key in ("row", "column", "x_mm", "y_mm")}
    points = np.array([(row["y_mm"], row["x_mm"]) for row in rows])
    return {
        "id": identifier,
        "morphology": morphology,
        "distribution": distribution,
        "count": len(rows),
        **means,
        "extent_mm": _greatest_width(points),
    }


def _greatest_width(points: NDArray[np.floating | np.integer]) -> float:
    """Greatest width of a set of points over 36 directions (within 0.4 % of the greatest distance of two points)."""
    angles = np.arange(36) * np.pi / 36
    return float(np.ptp(points @ np.stack([np.sin(angles), np.cos(angles)]), axis=0).max())
