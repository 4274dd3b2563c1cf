"""Files of a simulated screen: DICOM, picture, true values, and the truth about everything on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from MicrocalcAILib.base.files import replaced_on_success
from MicrocalcAILib.base.provenance import provenance
from MicrocalcAILib.base.volumes import write_volume

from ..elastogram import Direction, Unit
from ..reading.value_maps import DIRECTION_KEY, UNIT_KEY
from .dicom import write_dicom
from .screen import SimulatedScreen

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def write_screens(screens: Sequence[SimulatedScreen], folder: Path, name: str) -> None:
    """Write ``name.dcm`` (all screens as frames), and of the first screen a picture (PNG, or the JPEG itself),
    ``name_values.nrrd`` (true values, NaN where void) and ``name_truth.json``."""
    first = screens[0]
    write_dicom(screens, folder / f"{name}.dcm")
    if first.jpeg is None:
        with replaced_on_success(folder / f"{name}.png") as temporary:
            Image.fromarray(first.frame).save(temporary)
    else:
        with replaced_on_success(folder / f"{name}.jpg") as temporary:
            temporary.write_bytes(first.jpeg)
    _write_values(first, folder / f"{name}_values.nrrd")
    with replaced_on_success(folder / f"{name}_truth.json") as temporary:
        temporary.write_text(json.dumps(_truth(first, len(screens)), indent=2, ensure_ascii=False) + "\n", "utf-8")


def _write_values(screen: SimulatedScreen, path: Path) -> None:
    values = np.where(screen.void, np.nan, screen.values).astype(np.float32)
    spacing_mm = (screen.parameters.spacing_mm, screen.parameters.spacing_mm)
    header = {UNIT_KEY: screen.parameters.unit, DIRECTION_KEY: _direction(screen)}
    write_volume(values, spacing_mm, (0.0, 0.0, 0.0), _IDENTITY, path, header)


def _direction(screen: SimulatedScreen) -> Direction:
    return Direction.SOFTER_IS_HIGHER if screen.parameters.unit == Unit.STRAIN else Direction.STIFFER_IS_HIGHER


def _truth(screen: SimulatedScreen, frames: int) -> dict[str, Any]:
    values = screen.values[~screen.void]
    lesion = screen.values[screen.lesion & ~screen.void]
    places = {
        "box": screen.box,
        "bar": screen.bar,
        "color_panel": screen.color_panel,
        "b_mode_panel": screen.b_mode_panel,
    }
    return provenance(
        simulated=True,
        parameters=asdict(screen.parameters),
        frames=frames,
        **{name: place._asdict() if place else None for name, place in places.items()},
        values_at_ends=screen.values_at_ends,
        direction=_direction(screen),
        void_share=float(screen.void.mean()),
        box_mean=float(values.mean()),
        box_maximum=float(values.max()),
        lesion_mean=float(lesion.mean()) if lesion.size else None,
        lesion_maximum=float(lesion.max()) if lesion.size else None,
    )
