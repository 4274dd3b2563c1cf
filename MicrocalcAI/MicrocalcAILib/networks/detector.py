"""Boxes around lesions of calcifications, benign or malignant, by Faster R-CNN in overlapping tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError, WarningRecord
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .catalogue import BUNDLED_DETECTOR, load_weights, read_network, write_network
from .detector_architecture import DetectorArchitecture
from .image import Grid, breast_in_contrast
from .runtime import Runtime, with_memory_fallback
from .tile_boxes import TileBoxes, joined
from .tiles import tiles_over

if TYPE_CHECKING:
    import torch

KIND = "lesion detector"
SCHEMA = 1

CLASSES = ("benign", "malignant")
BOX_COLUMNS = [
    *("id", "class", "score", "malignant_score", "row_min", "row_max", "column_min", "column_max", "x_mm", "y_mm"),
    "cluster_ids",
]
STAGE = "lesion boxes"
INTENSITY = "local contrast in the breast (networks.image.local_contrast), 0 outside"
_WEIGHTS = "weights"
_TILE, _OVERLAP, _SMALLEST_TILE = 1024, 256, 512
_MAXIMUM_CONTRAST = 5.0


@dataclass(frozen=True)
class LesionDetector:
    """A trained network, its settings and its card."""

    architecture: DetectorArchitecture
    network: torch.nn.Module
    card: dict[str, Any]

    @classmethod
    def load(cls, name: str | Path = BUNDLED_DETECTOR, score_threshold: float | None = None) -> LesionDetector:
        """Read a detector by its folder, or by its name in the catalogue.

        Parameters
        ----------
        name : str or Path
        score_threshold : float, optional
            From which boxes are given; the detector's own by default.

        Raises
        ------
        ModelError
            When it is missing, altered, of another kind or version, or does not fit.
        MissingPackageError
            Without PyTorch or torchvision.
        """
        network_parts = _network_module()
        card, weights = read_network(name, KIND, SCHEMA)
        try:
            architecture = DetectorArchitecture(**card["architecture"])
            if score_threshold is not None:
                architecture = replace(architecture, score_threshold=score_threshold)
            state = weights[_WEIGHTS]
        except (KeyError, TypeError, ParameterError) as error:
            raise ModelError(f"The card of the {KIND} “{Path(name).name}” is incomplete; train it again.") from error
        network = network_parts.build_network(architecture)
        load_weights(network, state, Path(name).name)
        return cls(architecture, network.eval(), card)

    def save(self, folder: Path, card: Mapping[str, Any]) -> dict[str, Any]:
        """Write the detector's folder, weights in half precision; returns the card as written."""
        known = {"architecture": asdict(self.architecture), "intensity": INTENSITY, "classes": ["background", *CLASSES]}
        weights = {_WEIGHTS: self.network.state_dict()}
        return write_network(folder, KIND, SCHEMA, {**card, **known}, weights, half_precision=True)

    def provenance(self) -> dict[str, Any]:
        """Name, digest and training data, for the outputs."""
        kept = ("name", "sha256", "architecture", "training_data", "simulated", "origin")
        return {key: self.card[key] for key in kept if key in self.card}


def untrained_network(architecture: DetectorArchitecture) -> torch.nn.Module:
    """A network with random weights; raises MissingPackageError without PyTorch or torchvision."""
    network: torch.nn.Module = _network_module().build_network(architecture)
    return network


def detect(
    mammogram: Mammogram,
    breast: BreastRegion,
    model: LesionDetector,
    runtime: Runtime,
    progress: Progress = no_progress,
) -> tuple[pd.DataFrame, tuple[WarningRecord, ...]]:
    """Boxes around the lesions of a mammogram.

    Parameters
    ----------
    mammogram : Mammogram
    breast : BreastRegion
        Only tiles that show it are computed, and a box counts only when its center lies in it.
    model : LesionDetector
    runtime : Runtime
    progress : callable, optional
        Called for each tile; may raise ``Cancelled``.

    Returns
    -------
    boxes : DataFrame
        One row per box, by falling score: ``id`` (1, 2, …); ``class`` (``benign`` or ``malignant``, the likelier);
        ``score`` (of a lesion of any class) and ``malignant_score`` (of a malignant one), uncalibrated, 0 to 1;
        ``row_min``, ``row_max``, ``column_min``, ``column_max`` (image pixels, inclusive); ``x_mm``, ``y_mm`` of the
        center; ``cluster_ids``, empty (see :func:`~.lesion_boxes.link_boxes`).
    warnings : tuple of WarningRecord
        The notice of the detector's card, and when the memory of a GPU did not suffice.
    """
    notice = (WarningRecord("lesion-boxes-notice", str(model.card["notice"])),) if "notice" in model.card else ()
    if not breast.mask.any():
        return _table(TileBoxes.none(), None, mammogram, breast), notice
    grid, contrast = detector_view(mammogram, breast, model.architecture.grid_mm)

    def attempt(runtime: Runtime, tile: int) -> TileBoxes:
        return boxes_on_grid(contrast, model, runtime, tile, progress)

    boxes, warnings = with_memory_fallback(runtime, _TILE, _SMALLEST_TILE, attempt)
    return _table(boxes, grid, mammogram, breast), (*notice, *warnings)


def detector_view(mammogram: Mammogram, breast: BreastRegion, grid_mm: float) -> tuple[Grid, NDArray[np.float32]]:
    """The breast as the network sees it: its bounding box on the grid, in local contrast, 0 outside the breast."""
    grid, inside = breast_in_contrast(mammogram.pixels, breast.mask, mammogram.spacing_mm, grid_mm)
    return grid, np.where(inside, np.clip(grid.values, -_MAXIMUM_CONTRAST, _MAXIMUM_CONTRAST), 0).astype(np.float32)


def boxes_on_grid(
    contrast: NDArray[np.float32],
    model: LesionDetector,
    runtime: Runtime,
    tile: int = _TILE,
    progress: Progress = no_progress,
) -> TileBoxes:
    """The boxes of an image that is already on the grid and in local contrast (0 outside the breast)."""
    import torch

    placed = runtime.place(model.network)
    tiles = tiles_over(contrast != 0, tile, min(_OVERLAP, tile // 2))
    found = []
    for number, (rows, columns) in enumerate(tiles):
        progress(STAGE, number, len(tiles))
        with runtime.inference():
            part = torch.from_numpy(np.ascontiguousarray(contrast[rows, columns]))[None].to(runtime.device)
            lesions = {name: values.float().cpu().numpy() for name, values in placed([part])[0].items()}
        found.append(TileBoxes.of_tile(lesions, (rows, columns), contrast.shape))
    progress(STAGE, len(tiles), len(tiles))
    return joined(found, model.architecture.nms_iou)


def _network_module() -> Any:
    from .detection_operators import import_torchvision

    import_torchvision()  # says what is missing
    from . import lesion_network

    return lesion_network


def _table(boxes: TileBoxes, grid: Grid | None, mammogram: Mammogram, breast: BreastRegion) -> pd.DataFrame:
    """Boxes in image pixels, those outside the breast left out."""
    limits = mammogram.pixels.shape
    edges: dict[str, NDArray] = {}
    for axis, name in enumerate(("row", "column")):
        scale, first = (1.0, 0) if grid is None else (grid.scale[axis], grid.box[2 * axis])
        # a box from 0 to 1 on the grid covers one grid pixel
        low, high = first + scale * boxes.edges[:, axis], first + scale * boxes.edges[:, axis + 2]
        edges[f"{name}_min"] = np.clip(np.floor(low + 0.5), 0, limits[axis] - 1).astype(np.int64)
        edges[f"{name}_max"] = np.clip(np.ceil(high - 0.5) - 1, edges[f"{name}_min"], limits[axis] - 1).astype(np.int64)
    table = pd.DataFrame(edges)
    center_row, center_column = (table[f"{name}_min"] / 2 + table[f"{name}_max"] / 2 for name in ("row", "column"))
    table["class"] = np.where(boxes.malignant > boxes.scores / 2, CLASSES[1], CLASSES[0])
    table["score"], table["malignant_score"] = boxes.scores.astype(float), boxes.malignant.astype(float)
    table["y_mm"], table["x_mm"] = center_row * mammogram.spacing_mm[0], center_column * mammogram.spacing_mm[1]
    table["cluster_ids"] = ""
    in_breast = breast.mask[center_row.to_numpy(np.intp), center_column.to_numpy(np.intp)]
    table = table[in_breast].sort_values("score", ascending=False, kind="stable").reset_index(drop=True)
    table.insert(0, "id", np.arange(1, len(table) + 1))
    return table[BOX_COLUMNS]
