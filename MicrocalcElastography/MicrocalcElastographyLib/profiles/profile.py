"""A profile: what a user corrected on one screen, and how screens of the same layout are recognized."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from MicrocalcAILib.base.errors import ParameterError

from ..elastogram import Unit
from ..geometry import Rectangle
from ..screen.frame import ScreenFrame
from ..text import Word
from .landmarks import Landmark, are_seen, landmarks_of

CORRECTABLE = {
    "box": "elastography box",
    "bar": "color bar",
    "color_table": "color table",
    "values_at_ends": "ends of the bar",
    "unit": "unit",
    "opacity": "opacity",
    "spacing_mm": "pixel size",
}
"""Parts of a calibration that a profile may hold, in words."""
_FEWEST_LANDMARKS = 2
_SAME_SHAPE = 0.005  # relative difference of width to height of screens that are enlarged or reduced copies
_SAME_PLACE, _SAME_NUMBER = 0.012, 0.03  # edges, of the longer side of the screen; relative difference of spacings
_FORMAT, _VERSION = "microcalc profile of a scanner", 1
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Profile:
    """Corrections for screens of one layout.

    Parameters
    ----------
    name : str
    size : (int, int)
        Rows and columns of the screen on which it was made; enlarged and reduced copies are of the same layout.
    device : str
        Manufacturer's model name of a DICOM file; empty when it is not known.
    landmarks : tuple of Landmark
    corrected : mapping
        Names of `CORRECTABLE` to what is right, places and pixel size as on a screen of ``size``.
    misread : mapping
        The same names to what the screen was read as instead, as far as anything was read: it may be corrected again,
        anything else that is read contradicts the profile.
    """

    name: str
    size: tuple[int, int]
    device: str
    landmarks: tuple[Landmark, ...]
    corrected: Mapping[str, Any]
    misread: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _LONGEST_NAME or not self.name.isprintable():
            raise ParameterError(f"The name of a profile has 1 to {_LONGEST_NAME} printable letters.")
        if not self.corrected:
            raise ParameterError(
                "A profile keeps corrections; correct the bar, its ends, unit, box or pixel size first."
            )
        if not self.device and len(self.landmarks) < _FEWEST_LANDMARKS:
            raise ParameterError(
                "Too few words on this screen tell its layout from others; a profile cannot be kept for it."
            )

    @classmethod
    def of_screen(
        cls, name: str, frame: ScreenFrame, words: tuple[Word, ...], given: Mapping[str, Any], read: Mapping[str, Any]
    ) -> Profile:
        """The profile of a screen from what the user gave and what is read without it (None: nothing).

        Raises
        ------
        ParameterError
            When nothing was corrected, or the layout cannot be recognized again.
        """
        corrected = {part: given[part] for part in CORRECTABLE if given.get(part) is not None}
        return cls(
            name=name.strip(),
            size=_size(frame),
            device=str(frame.source.get("device") or ""),
            landmarks=landmarks_of(words, _size(frame)),
            corrected=corrected,
            misread={
                part: read[part]
                for part, right in corrected.items()
                if read.get(part) is not None and not _same(read[part], right, max(_size(frame)))
            },
        )

    def fits(self, frame: ScreenFrame, words: tuple[Word, ...]) -> bool:
        """Whether a screen has this layout."""
        return self.may_fit(frame) and are_seen(self.landmarks, landmarks_of(words, _size(frame)))

    def may_fit(self, frame: ScreenFrame) -> bool:
        """Whether size and model of the device, which need no reading, allow it."""
        rows, columns = _size(frame)
        shape = columns / rows * self.size[0] / self.size[1]
        device = str(frame.source.get("device") or "")
        return abs(shape - 1.0) <= _SAME_SHAPE and (not device or not self.device or device == self.device)

    def answers(self, frame: ScreenFrame) -> dict[str, Any]:
        """The corrections for a screen of this layout, in its size."""
        return self._scaled(self.corrected, frame)

    def contradiction(self, frame: ScreenFrame, read: Mapping[str, Any]) -> str:
        """What is read on a screen and is neither what the profile says nor what it corrects; '' when nothing is."""
        right, wrong = self._scaled(self.corrected, frame), self._scaled(self.misread, frame)
        longer = max(_size(frame))
        for part, words in CORRECTABLE.items():
            seen = read.get(part)
            if part not in right or seen is None:
                continue
            if not any(_same(seen, known.get(part), longer) for known in (right, wrong)):
                return f"the {words} of the profile is {_text(right[part])}, but the screen shows {_text(seen)}"
        return ""

    def _scaled(self, parts: Mapping[str, Any], frame: ScreenFrame) -> dict[str, Any]:
        factor = max(_size(frame)) / max(self.size)
        scaled = dict(parts)
        for part in {"box", "bar"} & parts.keys():
            scaled[part] = Rectangle(*(round(edge * factor) for edge in parts[part]))
        if "spacing_mm" in parts:
            scaled["spacing_mm"] = tuple(length / factor for length in parts["spacing_mm"])
        return scaled

    def as_json(self) -> str:
        """The text of its file."""
        record = {"format": _FORMAT, "version": _VERSION, **asdict(self)}
        record["landmarks"] = [mark._asdict() for mark in self.landmarks]
        return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Read the text of a file.

        Raises
        ------
        ParameterError
            When it is no profile of this version.
        """
        try:
            record = json.loads(text)
            if record.pop("format") != _FORMAT or record.pop("version") != _VERSION:
                raise ValueError
            rows, columns = (int(length) for length in record["size"])
            return cls(
                name=str(record["name"]),
                size=(rows, columns),
                device=str(record["device"]),
                landmarks=tuple(
                    Landmark(str(mark["text"]), float(mark["row"]), float(mark["column"]))
                    for mark in record["landmarks"]
                ),
                corrected=_parts(record["corrected"]),
                misread=_parts(record["misread"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise ParameterError(
                "The file is no profile of a scanner of this version; remove it and save it again."
            ) from error


def _size(frame: ScreenFrame) -> tuple[int, int]:
    rows, columns = frame.rgb.shape[:2]
    return rows, columns


def _parts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Corrections with their types, from JSON."""
    if not record.keys() <= CORRECTABLE.keys():
        raise ValueError
    parts: dict[str, Any] = {}
    for name, value in record.items():
        if name in ("box", "bar"):
            parts[name] = Rectangle(*(int(edge) for edge in value))
        elif name in ("values_at_ends", "spacing_mm"):
            first, last = (float(number) for number in value)
            parts[name] = (first, last)
        else:
            parts[name] = {"unit": Unit, "opacity": float, "color_table": str}[name](value)
    return parts


def _same(seen: Any, known: Any, longer: int) -> bool:
    if known is None:
        return False
    if isinstance(seen, Rectangle):
        return all(abs(one - other) <= _SAME_PLACE * longer for one, other in zip(seen, known, strict=True))
    if isinstance(seen, tuple):
        return all(abs(one - other) <= _SAME_NUMBER * abs(other) for one, other in zip(seen, known, strict=True))
    return bool(seen == known)


def _text(value: Any) -> str:
    if isinstance(value, Rectangle):
        return f"at columns {value.left} to {value.right}, rows {value.top} to {value.bottom}"
    return " to ".join(f"{number:.4g}" for number in value) if isinstance(value, tuple) else str(value)
