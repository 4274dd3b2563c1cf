"""Images as the lesion detector sees them, stored once and read in every epoch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.progress import Progress, no_progress
from ..networks.detector import detector_view
from ..segmentation.breast import find_breast
from .lesion_images import BOX_COLUMNS, LesionImage

_STEPS_PER_UNIT = 24  # local contrast of ±5.3 in eight bits
_SUFFIX = ".npz"
DESCRIPTION_FILE = "description.json"
_LEAST_VISIBLE = 0.35  # share of a lesion that a tile must show to have its box
_ZOOM = (0.75, 1.3)
_GAIN = (0.8, 1.25)
_GRAIN = 0.25


@dataclass(frozen=True)
class DetectorImage:
    """One image on the detector's grid.

    Parameters
    ----------
    name, patient : str
    contrast : int8 array, shape (rows, columns)
        Local contrast in steps of 1/24; 0 outside the breast.
    boxes : float32 array, shape (lesions, 4)
        x1, y1, x2, y2 in grid pixels.
    malignant : bool array, shape (lesions,)
    grid_mm : float
    """

    name: str
    patient: str
    contrast: NDArray[np.int8]
    boxes: NDArray[np.float32]
    malignant: NDArray[np.bool_]
    grid_mm: float


@dataclass(frozen=True)
class Tile:
    """A square part of an image: contrast, and the boxes in it (x1, y1, x2, y2)."""

    contrast: NDArray[np.float32]
    boxes: NDArray[np.float32]
    malignant: NDArray[np.bool_]


def store_images(
    images: Iterable[LesionImage], folder: Path, grid_mm: float, total: int, progress: Progress = no_progress
) -> int:
    """Write images as the detector sees them, one file each; returns how many (an image without a breast has none)."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = 0
    for number, image in enumerate(images):
        progress("images", number, total)
        breast = find_breast(image.mammogram)
        if not breast.mask.any():
            continue
        grid, contrast = detector_view(image.mammogram, breast, grid_mm)
        edges = image.lesions[list(BOX_COLUMNS)].to_numpy(np.float64) + np.array([0, 1, 0, 1])
        rows, columns = ((edges[:, 2 * axis : 2 * axis + 2] - grid.box[2 * axis]) / grid.scale[axis] for axis in (0, 1))
        boxes = np.stack([columns[:, 0], rows[:, 0], columns[:, 1], rows[:, 1]], axis=1).astype(np.float32)
        steps = np.rint(contrast * _STEPS_PER_UNIT).clip(-127, 127).astype(np.int8)
        malignant = image.lesions["malignant"].to_numpy(np.bool_)
        write_image(DetectorImage(image.name, image.patient, steps, boxes, malignant, grid_mm), folder)
        stored += 1
    return stored


def write_image(image: DetectorImage, folder: Path) -> None:
    """Write one image as ``NAME.npz``."""
    with replaced_on_success(folder / f"{image.name}{_SUFFIX}") as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            contrast=image.contrast,
            boxes=image.boxes,
            malignant=image.malignant,
            patient=np.array(image.patient),
            grid_mm=np.array(image.grid_mm),
        )


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Say beside the images what they are; it becomes part of the model's card."""
    folder.mkdir(parents=True, exist_ok=True)
    with replaced_on_success(folder / DESCRIPTION_FILE) as temporary:
        temporary.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """What :func:`write_description` wrote; raises ParameterError when it is missing or damaged."""
    try:
        description = json.loads((Path(folder) / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"“{DESCRIPTION_FILE}” beside the training images cannot be read; make the images again."
        ) from error
    return dict(description)


def stored_names(folder: Path) -> frozenset[str]:
    """Names of the images in a folder."""
    return frozenset(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def read_grid(folder: Path) -> float:
    """Grid spacing (mm) of the images in a folder; raises as :func:`read_images` does."""
    return _read(_paths(folder)[0]).grid_mm


def read_images(folder: Path, progress: Progress = no_progress) -> list[DetectorImage]:
    """All images of a folder, by name.

    Raises
    ------
    ParameterError
        When there is none, one is damaged, or their grids differ.
    """
    images = []
    paths = _paths(folder)
    for number, path in enumerate(paths):
        progress("reading images", number, len(paths))
        images.append(_read(path))
    if len({image.grid_mm for image in images}) > 1:
        raise ParameterError("The training images differ in their grid; make them again with one.")
    return images


def _paths(folder: Path) -> list[Path]:
    paths = sorted(Path(folder).glob(f"*{_SUFFIX}"))
    if not paths:
        raise ParameterError("The folder holds no training images; make them with microcalc train detector-images.")
    return paths


def _read(path: Path) -> DetectorImage:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return DetectorImage(
                path.stem,
                str(stored["patient"]),
                stored["contrast"].astype(np.int8),
                stored["boxes"].astype(np.float32).reshape(-1, 4),
                stored["malignant"].astype(np.bool_),
                float(stored["grid_mm"]),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ParameterError(f"The training image “{path.name}” is damaged; make the images again.") from error


def drawn_tile(image: DetectorImage, size: int, near_lesion: float, rng: Generator) -> Tile:
    """A random tile, turned, mirrored, scaled, and with other contrast and grain.

    Parameters
    ----------
    image : DetectorImage
    size : int
        Rows and columns of the tile.
    near_lesion : float
        How often the tile is chosen so that it shows (a part of) a lesion, when there is one.
    rng : Generator
    """
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOM)))) if rng.random() < 0.5 else 1.0
    side = round(size * zoom)
    if len(image.boxes) and rng.random() < near_lesion:
        box = image.boxes[rng.integers(len(image.boxes))]
        center = (box[[1, 0]] + box[[3, 2]]) / 2
        corner = center - side * rng.uniform(0.15, 0.85, 2)
    else:
        inside = np.argwhere(image.contrast[::16, ::16])
        corner = inside[rng.integers(len(inside))] * 16.0 - side * rng.uniform(0.2, 0.8, 2)
    # no empty margin where the image is larger than the tile
    limits = np.maximum(np.array(image.contrast.shape) - side, 0)
    row, column = np.clip(np.rint(corner), 0, limits).astype(int)
    part = contrast_of(image.contrast[row : row + side, column : column + side])
    part = np.pad(part, [(0, side - length) for length in part.shape])
    boxes = image.boxes - np.array([column, row, column, row], np.float32)
    if side != size:
        part, boxes = _scaled(part, size), boxes * np.float32(size / side)
    seen = boxes.clip(0, size)
    visible = _area(seen) >= _LEAST_VISIBLE * _area(boxes)
    part, seen = _turned(part, seen[visible], int(rng.integers(4)), bool(rng.integers(2)))
    part = part * np.float32(np.exp(rng.uniform(*np.log(_GAIN))))
    grain = np.float32(rng.uniform(0, _GRAIN)) * rng.standard_normal(part.shape, dtype=np.float32)
    return Tile(np.where(part == 0, 0, part + grain), seen, image.malignant[visible])


def contrast_of(stored: NDArray[np.int8]) -> NDArray[np.float32]:
    """Local contrast from its stored steps."""
    return stored.astype(np.float32) * np.float32(1 / _STEPS_PER_UNIT)


def _scaled(part: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    from PIL import Image

    scaled = Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(scaled, np.float32)


def _turned(
    part: NDArray[np.float32], boxes: NDArray[np.float32], quarters: int, mirrored: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    size = part.shape[0]
    part = np.rot90(part, quarters)
    for _ in range(quarters):  # (x, y) goes to (y, size − x)
        boxes = np.stack([boxes[:, 1], size - boxes[:, 2], boxes[:, 3], size - boxes[:, 0]], axis=1)
    if mirrored:
        part = part[:, ::-1]
        boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], axis=1)
    return np.ascontiguousarray(part), boxes


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
