"""Photos of generated screens: a slight angle, a desk around the monitor, uneven light, blur, noise, JPEG."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage
from screen_generator import GeneratedScreen

from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.screen.perspective import perspective_coefficients

_DESKS = ((150, 148, 142), (92, 96, 104), (206, 202, 196), (60, 52, 44))


def photo_of(screen: GeneratedScreen, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A photo of a screen, and x and y of its true corners: upper left, upper right, lower right, lower left."""
    random = np.random.default_rng([seed, 30])
    rows, columns = screen.frame.shape[:2]
    margin = 0.06 * max(rows, columns)
    upright = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], dtype=np.float64)
    shift = random.uniform(-0.03, 0.03, (4, 2)) * (columns, rows)
    corners = upright + 2.0 * margin + shift
    size = round(columns + 4 * margin), round(rows + 4 * margin)
    desk = _DESKS[int(random.integers(len(_DESKS)))]
    way = perspective_coefficients(corners, upright).tolist()
    taken = Image.fromarray(screen.frame).transform(
        size, Image.Transform.PERSPECTIVE, way, Image.Resampling.BICUBIC, fillcolor=desk
    )
    taken = taken.filter(ImageFilter.GaussianBlur(float(random.uniform(0.0, 0.6))))
    down, right = np.linspace(-1, 1, size[1])[:, None], np.linspace(-1, 1, size[0])
    light = 1.0 - random.uniform(0.0, 0.04) * (down**2 + right**2)
    pixels = np.asarray(taken) * light[..., None] + random.normal(0.0, 1.5, (size[1], size[0], 1))
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=92)
    return np.array(Image.open(stream).convert("RGB")), corners


def upright_of(screen: GeneratedScreen, frame: NDArray[np.uint8]) -> GeneratedScreen:
    """The truth about a screen on its photo after that was made upright."""
    down, right = (new / old for new, old in zip(frame.shape[:2], screen.frame.shape[:2], strict=True))

    def scaled(place: Rectangle) -> Rectangle:
        top, left, bottom, far = place
        return Rectangle(round(top * down), round(left * right), round(bottom * down), round(far * right))

    box = scaled(screen.box)
    at = np.meshgrid(
        (np.arange(box.height) + 0.5) / box.height * screen.box.height - 0.5,
        (np.arange(box.width) + 0.5) / box.width * screen.box.width - 0.5,
        indexing="ij",
    )
    known = ndimage.map_coordinates(np.nan_to_num(screen.values), at, order=1, mode="nearest")
    void = ndimage.map_coordinates(np.isnan(screen.values).astype(float), at, order=0, mode="nearest") > 0.5
    return replace(
        screen,
        frame=frame,
        values=np.where(void, np.nan, known),
        box=box,
        bar=scaled(screen.bar),
        spacing_mm=screen.spacing_mm / down,
    )
