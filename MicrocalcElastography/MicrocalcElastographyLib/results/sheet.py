"""A dark sheet to draw on with Pillow: wrapped text, pixel images, and outlines of masks on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from MicrocalcAILib.base.picture_font import picture_font

from ..geometry import Rectangle

BACKGROUND, INK, QUIET = "#121214", "#ebebeb", "#a5a5a5"
_HALO_SHARE = 0.35  # of the picture that is left under the dark halo of an outline
_DASHES_PX = {"-": None, "--": (10, 6), ":": (3, 4), "-.": (12, 3)}  # drawn, left out


class Sheet:
    """A picture in the making."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)

    def text(
        self, at: tuple[float, float], text: str, size: int, color: str = INK, *, anchor: str = "la", bold: bool = False
    ) -> None:
        """A line of text; ``anchor`` as Pillow has it."""
        self._draw.text(at, text, font=picture_font(size, bold=bold), fill=color, anchor=anchor)

    def upright_text(self, middle: tuple[int, int], text: str, size: int, color: str = INK) -> None:
        """A line of text that reads upward."""
        left, top, right, bottom = picture_font(size).getbbox(text)
        plate = Image.new("RGB", (round(right - left) + 2, round(bottom - top) + 2), BACKGROUND)
        ImageDraw.Draw(plate).text((1 - left, 1 - top), text, font=picture_font(size), fill=color)
        turned = plate.transpose(Image.Transpose.ROTATE_90)
        self.image.paste(turned, (middle[0] - turned.width // 2, middle[1] - turned.height // 2))

    def line(self, points: list[tuple[float, float]], color: str, width: int = 1) -> None:
        """A line through some points."""
        self._draw.line(points, fill=color, width=width)

    def polygon(self, points: list[tuple[float, float]], color: str) -> None:
        """A filled polygon."""
        self._draw.polygon(points, fill=color)

    def rectangle(self, frame: Rectangle, *, fill: str | None = None, outline: str | None = None) -> None:
        """A rectangle."""
        self._draw.rectangle((frame.left, frame.top, frame.right - 1, frame.bottom - 1), fill=fill, outline=outline)

    def show(self, pixels: NDArray[np.uint8], frame: Rectangle, *, smooth: bool) -> None:
        """An image, gray or red-green-blue, stretched to a frame."""
        resampling = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        stretched = Image.fromarray(pixels).resize((frame.width, frame.height), resampling)
        self.image.paste(stretched, (frame.left, frame.top))

    def outline(self, mask: NDArray[np.bool_], frame: Rectangle, color: str, style: str) -> None:
        """The edge of a mask that fills a frame, on a dark halo so that it is seen on every color.

        Parameters
        ----------
        mask : bool array, shape (rows, columns)
        frame : Rectangle
        color : str
        style : str
            ``-``, ``--``, ``:`` or ``-.``.
        """
        stretched = Image.fromarray(mask).resize((frame.width, frame.height), Image.Resampling.NEAREST)
        inside = np.pad(np.asarray(stretched), 1)
        edge = np.zeros_like(inside)
        edge[:-1] |= inside[1:] != inside[:-1]
        edge[:, :-1] |= inside[:, 1:] != inside[:, :-1]
        line = _thicker(edge)[1:-1, 1:-1]
        halo = _thicker(_thicker(edge))[1:-1, 1:-1]
        if (dashes := _DASHES_PX[style]) is not None:
            rows, columns = np.ogrid[: line.shape[0], : line.shape[1]]
            line &= (rows + columns) % sum(dashes) < dashes[0]
        part = np.array(self.image.crop((frame.left, frame.top, frame.right, frame.bottom)))
        part[halo] = (part[halo] * _HALO_SHARE).astype(np.uint8)
        part[line] = ImageColor.getrgb(color)
        self.image.paste(Image.fromarray(part), (frame.left, frame.top))

    def sample(self, at: tuple[int, int], color: str, style: str) -> None:
        """A short piece of a line, for a legend."""
        for start, stop in _pieces(30, _DASHES_PX[style]):
            self.line([(at[0] + start, at[1]), (at[0] + stop, at[1])], color, 2)


def _thicker(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask with its eight neighbors; the outermost pixels stay."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    high = wide.copy()
    high[1:] |= wide[:-1]
    high[:-1] |= wide[1:]
    return high


def _pieces(length: int, dashes: tuple[int, int] | None) -> list[tuple[int, int]]:
    if dashes is None:
        return [(0, length)]
    return [(start, min(start + dashes[0], length) - 1) for start in range(0, length, sum(dashes))]
