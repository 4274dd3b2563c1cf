"""Probability heatmaps: how likely each patch of a mammogram holds microcalcifications, or malignant ones.

The breast is cut into square patches; each cell of the heatmap holds the probability of the patch around it (Pesapane
2023, Predictions interpretability). This module knows no network, only what one returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError, ResultError, UnreadableImageError, UnsupportedImageError
from ..base.volumes import read_volume, volume_kind, write_volume

TASKS = {"detection": "microcalcifications", "malignancy": "malignancy of microcalcifications"}
LEVELS: tuple[tuple[str, tuple[int, int, int]], ...] = tuple(
    (f"{10 * level} %–{10 * level + 10} %", color)
    for level, color in enumerate(
        (
            *((30, 12, 69), (71, 11, 106), (111, 25, 110), (149, 38, 103), (186, 54, 85)),
            *((218, 78, 60), (241, 113, 31), (251, 155, 6), (249, 203, 53), (243, 246, 138)),
        )
    )
)
"""Name and color (red, green, blue; 0–255) of each tenth of probability.

From dark violet over red to bright yellow (part of matplotlib's ``inferno``, CC0): every step is brighter than the one
before, so that the order can be seen with any color vision and in gray.
"""

DEEP_PREFIX = "deep_"  # how the cluster classifier recognizes features of networks
SCHEMA = "1"


@dataclass(frozen=True)
class Heatmap:
    """Probabilities of patches on a regular grid over a mammogram.

    Parameters
    ----------
    task : {"detection", "malignancy"}
        ``detection``: the patch holds microcalcifications. ``malignancy``: microcalcifications in it are malignant.
    probabilities : float32 array, shape (grid rows, grid columns)
        0 to 1; NaN outside the breast, and where a network of malignancy was not asked because the detection network
        sees no microcalcifications. A cell shows the patch that is centered on it.
    spacing_mm : (float, float)
        Distance between cells, rows and columns: the stride of the patches.
    first_center_mm : (float, float)
        Center of cell (0, 0): mm below, mm right of the center of the image's pixel (0, 0).
    patch_mm : float
        Side of a patch. Patches overlap where it is larger than the spacing.
    image_origin_lps_mm, direction_lps
        Geometry of the image as in :class:`~MicrocalcAILib.reading.mammogram.Mammogram`.
    model, sha256 : str
        Name of the network, and the digest of its weights.
    threshold : float or None
        The network's own: patches from this probability on count as positive. None when it has none.
    notice : str
        What a reader has to know about the network, e.g. that it was trained on simulation; may be empty.

    Raises
    ------
    ParameterError
        When the task is unknown or a probability lies outside 0 to 1.
    """

    task: str
    probabilities: NDArray[np.float32]
    spacing_mm: tuple[float, float]
    first_center_mm: tuple[float, float]
    patch_mm: float
    image_origin_lps_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction_lps: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    model: str = ""
    sha256: str = ""
    threshold: float | None = None
    notice: str = ""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ParameterError(f"Unknown task “{self.task}” of a heatmap; choose from: {', '.join(TASKS)}.")
        known = self.probabilities[np.isfinite(self.probabilities)]
        if known.size and not 0 <= known.min() <= known.max() <= 1:
            raise ParameterError("Probabilities of a heatmap lie between 0 and 1.")

    @property
    def origin_lps_mm(self) -> tuple[float, float, float]:
        """Center of cell (0, 0) in the image's LPS frame."""
        down, right = self.first_center_mm
        axes = np.asarray(self.direction_lps, float).reshape(3, 3)
        x, y, z = np.asarray(self.image_origin_lps_mm, float) + axes @ (right, down, 0.0)
        return float(x), float(y), float(z)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Tenths of probability, shape of the grid: 0 where there is none, 1 (0–10 %) to 10 (90–100 %); see LEVELS."""
        levels = np.floor(np.nan_to_num(self.probabilities, nan=-1.0) * 10) + 1
        return np.where(np.isnan(self.probabilities), 0, np.clip(levels, 1, 10)).astype(np.uint8)

    @property
    def maximum(self) -> float:
        """Largest probability; NaN when there is no breast."""
        known = self.probabilities[np.isfinite(self.probabilities)]
        return float(known.max()) if known.size else float("nan")

    def positive_patches(self) -> int:
        """Number of patches from the network's threshold on; 0.5 when it has none."""
        return int((self.probabilities >= (0.5 if self.threshold is None else self.threshold)).sum())

    def cluster_features(self, calcifications: pd.DataFrame) -> pd.DataFrame:
        """Largest and mean probability of the patches that hold calcifications of each cluster.

        Parameters
        ----------
        calcifications : DataFrame
            ``cluster_id`` (0: single), ``x_mm``, ``y_mm`` as in :class:`~MicrocalcAILib.analysis.Analysis`.

        Returns
        -------
        DataFrame
            Index ``cluster_id``; columns ``deep_TASK_maximum`` (the cluster's probability) and ``deep_TASK_mean``,
            which the cluster classifier takes as features. NaN where no patch with a probability holds the cluster.
        """
        members = calcifications[calcifications["cluster_id"] > 0]
        rows = self._holding(members["y_mm"].to_numpy(float), axis=0)
        columns = self._holding(members["x_mm"].to_numpy(float), axis=1)
        features = {}
        for cluster in sorted(members["cluster_id"].unique()):
            chosen = (members["cluster_id"] == cluster).to_numpy()
            holding = (rows[chosen].T.astype(np.int64) @ columns[chosen]) > 0
            values = self.probabilities[holding & np.isfinite(self.probabilities)]
            features[int(cluster)] = (float(values.max()), float(values.mean())) if values.size else (np.nan, np.nan)
        names = [f"{DEEP_PREFIX}{self.task}_{name}" for name in ("maximum", "mean")]
        table = pd.DataFrame.from_dict(features, orient="index", columns=names, dtype=float)
        return table.rename_axis("cluster_id")

    def _holding(self, positions_mm: NDArray[np.float64], axis: int) -> NDArray[np.bool_]:
        """Which rows (or columns) of patches reach over each position; shape (positions, rows or columns)."""
        centers = self.first_center_mm[axis] + np.arange(self.probabilities.shape[axis]) * self.spacing_mm[axis]
        # the grid of the network and the image's pixels may differ by a rounding: never narrower than the cell
        reach = max(self.patch_mm, self.spacing_mm[axis]) / 2
        return np.abs(positions_mm[:, np.newaxis] - centers) <= reach + 1e-6

    def save(self, folder: Path) -> None:
        """Write ``heatmap_TASK.nrrd`` (probabilities) and ``heatmap_TASK_levels.nrrd`` on their own coarse grid."""
        folder = Path(folder)
        header = {
            "microcalc_heatmap": SCHEMA,
            "task": self.task,
            "patch_mm": repr(float(self.patch_mm)),
            "first_center_mm": " ".join(repr(float(value)) for value in self.first_center_mm),
            "image_origin_lps_mm": " ".join(repr(float(value)) for value in self.image_origin_lps_mm),
            "model": self.model,
            "sha256": self.sha256,
            "threshold": "" if self.threshold is None else repr(float(self.threshold)),
            "notice": self.notice,
        }
        header = {key: value for key, value in header.items() if value}
        for array, name in ((self.probabilities.astype(np.float32), ""), (self.labels, "_levels")):
            path = folder / f"heatmap_{self.task}{name}.nrrd"
            write_volume(array, self.spacing_mm, self.origin_lps_mm, self.direction_lps, path, header)

    @classmethod
    def load(cls, folder: Path, task: str) -> Heatmap:
        """Read a heatmap back from the folder it was saved to.

        Raises
        ------
        ResultError
            When there is none of that task, or it was written by something else.
        """
        path = Path(folder) / f"heatmap_{task}.nrrd"
        try:
            volume = read_volume(path, volume_kind(path))
            header = volume.fields
            if header["microcalc_heatmap"] != SCHEMA:
                raise ResultError(f"The heatmap “{path.name}” was written by another version; make it again.")
            down, right = (float(value) for value in header["first_center_mm"].split())
            return cls(
                task=header["task"],
                probabilities=np.ascontiguousarray(volume.samples[..., 0], np.float32),
                spacing_mm=volume.spacing_mm,
                first_center_mm=(down, right),
                patch_mm=float(header["patch_mm"]),
                image_origin_lps_mm=tuple(float(value) for value in header["image_origin_lps_mm"].split()),
                direction_lps=volume.direction_lps,
                model=header.get("model", ""),
                sha256=header.get("sha256", ""),
                threshold=float(header["threshold"]) if "threshold" in header else None,
                notice=header.get("notice", ""),
            )
        except (UnreadableImageError, UnsupportedImageError, KeyError, ValueError) as error:
            raise ResultError(
                f"“{path.name}” is not a heatmap ({type(error).__name__}); please analyze the image again."
            ) from error


def deep_features(heatmaps: Iterable[Heatmap], calcifications: pd.DataFrame) -> pd.DataFrame:
    """Features of all heatmaps for each cluster, index ``cluster_id``; see :meth:`Heatmap.cluster_features`."""
    return pd.concat([heatmap.cluster_features(calcifications) for heatmap in heatmaps], axis=1)
