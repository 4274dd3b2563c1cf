"""What a volume file carries about a mammogram beside its pixels, so that nothing is lost on the way through Slicer.

Slicer keeps these fields as node attributes under the same names; an NRRD file keeps them as key–value pairs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from .admission import AdmissionCard
from .content import FileSpacing, ImageContent
from .views import MODIFIER_OF_CODE, VIEW_OF_CODE

if TYPE_CHECKING:
    from .mammogram import Mammogram

LATERALITY = "Microcalc.Laterality"
VIEW = "Microcalc.View"
VIEW_MODIFIERS = "Microcalc.ViewModifiers"
SPACING_MM = "Microcalc.SpacingMm"
SPACING_SOURCE = "Microcalc.SpacingSource"
PADDING_VALUE = "Microcalc.PaddingValue"
WARNINGS = "Microcalc.Warnings"
SOURCE = "Microcalc.Source"
ADMISSION = "Microcalc.Admission"
FIELDS = (LATERALITY, VIEW, VIEW_MODIFIERS, SPACING_MM, SPACING_SOURCE, PADDING_VALUE, WARNINGS, SOURCE, ADMISSION)
ASSUMED = "assumed"  # the spacing source of read_mammogram when nobody knows the spacing
_CLOSE_ENOUGH = 1e-4  # relative; the rounding of headers


def fields_of(mammogram: Mammogram, padding_value: float | None = None) -> dict[str, str]:
    """The fields of a mammogram as text; the others of ``FIELDS`` do not apply to it.

    Parameters
    ----------
    mammogram : Mammogram
    padding_value : float, optional
        Marks the pixels that are no image, where they are stored with a value of their own.
    """
    fields = {
        LATERALITY: mammogram.laterality or "",
        VIEW: mammogram.view or "",
        VIEW_MODIFIERS: ", ".join(mammogram.view_modifiers),
        SPACING_MM: " ".join(f"{length:.9g}" for length in mammogram.spacing_mm),
        SPACING_SOURCE: mammogram.spacing_source,
        PADDING_VALUE: "" if padding_value is None else f"{padding_value:.9g}",
        WARNINGS: json.dumps([asdict(warning) for warning in mammogram.warnings]),
        SOURCE: json.dumps(mammogram.source),
        ADMISSION: json.dumps(mammogram.admission.to_dict()),
    }
    return {name: text for name, text in fields.items() if text}


def warnings_in(fields: Mapping[str, str]) -> tuple[WarningRecord, ...]:
    """The warnings that the image was loaded with."""
    found = _json(fields.get(WARNINGS, ""))
    return tuple(WarningRecord(**record) for record in found if _is_record(record)) if isinstance(found, list) else ()


def admission_in(fields: Mapping[str, str]) -> AdmissionCard | None:
    """The admission card that the image was loaded with; None when there is none."""
    try:
        return AdmissionCard.from_dict(_json(fields.get(ADMISSION, "")))
    except (TypeError, ValueError, KeyError):
        return None


def with_fields(content: ImageContent, fields: Mapping[str, str]) -> ImageContent:
    """The content with what the fields say; unknown or malformed ones count as not said."""
    laterality, view = fields.get(LATERALITY), fields.get(VIEW)
    modifiers = [word for word in fields.get(VIEW_MODIFIERS, "").split(", ") if word in MODIFIER_OF_CODE.values()]
    warnings = warnings_in(fields)
    spacing_warnings = tuple(warning for warning in warnings if warning.code.startswith("spacing-"))
    other_warnings = tuple(warning for warning in warnings if warning not in spacing_warnings)
    origin = _json(fields.get(SOURCE, ""))
    admission = admission_in(fields) or content.admission
    return replace(
        content,
        laterality=laterality if laterality in ("L", "R") else None,
        view=view if view in VIEW_OF_CODE.values() else None,
        view_modifiers=tuple(modifiers),
        valid=_outside_padding(content.pixels, content.valid, fields.get(PADDING_VALUE, "")),
        spacing=_spacing(content.spacing, fields, spacing_warnings),
        warnings=[*content.warnings, *other_warnings],
        source={**content.source, "loaded_from": origin} if isinstance(origin, dict) else content.source,
        admission=replace(admission, integrity=content.admission.integrity),
    )


def _spacing(header: FileSpacing, fields: Mapping[str, str], warnings: tuple[WarningRecord, ...]) -> FileSpacing:
    """The header's spacing with its source; without it where the spacing was changed after loading."""
    loaded = _numbers(fields.get(SPACING_MM, ""))
    if header.mm is None or len(loaded) != 2:
        return header
    if any(abs(a - b) > _CLOSE_ENOUGH * a for a, b in zip(header.mm, loaded, strict=True)):
        return header
    source = fields.get(SPACING_SOURCE, header.source)
    return FileSpacing() if source == ASSUMED else FileSpacing(header.mm, source, warnings=warnings)


def _outside_padding(
    pixels: NDArray[np.float32], valid: NDArray[np.bool_] | None, padding: str
) -> NDArray[np.bool_] | None:
    value = _numbers(padding)
    if len(value) != 1:
        return valid
    image = pixels != np.float32(value[0])
    return image if valid is None else image & valid


def _numbers(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        return []
    return found if all(math.isfinite(number) for number in found) else []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == {"code", "message"}
        and all(isinstance(text, str) for text in record.values())
    )
