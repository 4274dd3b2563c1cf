"""What has to be known about a screen to turn its colors into values, found on the screen or given by the user."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .color_scale import ColorScale, bundled_color_scale, table_names
from .colorbar import color_scale_from_bar
from .elastogram import Unit, impossible_value
from .geometry import Rectangle
from .profiles import Profile
from .screen.printed import PrintedValues

GIVEN = "given by the user"


@dataclass(frozen=True)
class Calibration:
    """Everything between the colors of a screen and the values behind them; None where it is not known.

    A user gives any of these; `find_calibration` adds what the screen tells.

    Parameters
    ----------
    box : Rectangle or None
        The elastography box.
    bar : Rectangle or None
        The color bar.
    color_table : str or None
        A bundled color table to be used instead of a bar; its first color is the first end.
    values_at_ends : (float, float) or None
        Values at the top and the bottom end of the bar (left and right of a lying one), in ``unit``. For strain: 1 at
        the soft and 0 at the hard end.
    unit : Unit or None
    opacity : float or None
        0 to 1; None leaves it to the inversion.
    b_mode_offset : (int, int) or None
        Rows and columns from the panel with color to the same B-mode image without color.
    spacing_mm : (float, float) or None
        Between rows, between columns.
    panel : Rectangle or None
        Panel that shows the box; its first row is the surface of the probe.
    corners : tuple of (float, float) or None
        x, y of the four corners of the screen on a photo, see `screen.perspective.straightened`; all other places are
        on the straightened picture. None for no photo; empty when they are to be looked for.
    printed : PrintedValues or None
        What the scanner printed about its measurement circles; compared with our own values, never used for them.
    profile : str or None
        Name of the profile of the scanner that was applied.
    profiles : tuple of Profile
        Those that may be applied: the first of the screen's layout is, unless what is read contradicts it.
    sources : dict of str to str
        In words, where each of the above comes from.
    warnings : tuple of WarningRecord
    """

    box: Rectangle | None = None
    bar: Rectangle | None = None
    color_table: str | None = None
    values_at_ends: tuple[float, float] | None = None
    unit: Unit | None = None
    opacity: float | None = None
    b_mode_offset: tuple[int, int] | None = None
    spacing_mm: tuple[float, float] | None = None
    panel: Rectangle | None = None
    corners: tuple[tuple[float, float], ...] | None = None
    printed: PrintedValues | None = None
    profile: str | None = None
    profiles: tuple[Profile, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    warnings: tuple[WarningRecord, ...] = ()

    def __post_init__(self) -> None:
        if self.color_table is not None and self.color_table not in table_names():
            raise ParameterError(f"There is no color table “{self.color_table}”; choose {', '.join(table_names())}.")
        if self.values_at_ends is not None and self.values_at_ends[0] == self.values_at_ends[1]:
            raise ParameterError("Both ends of the color bar cannot have the same value; give the values it shows.")
        if self.unit is not None and self.values_at_ends is not None:
            impossible = impossible_value(max(self.values_at_ends), self.unit)
            if impossible is not None:
                raise ParameterError(impossible)
        if self.b_mode_offset == (0, 0):
            raise ParameterError("A panel cannot be its own B-mode image; mark the second panel again.")

    @property
    def missing(self) -> tuple[str, ...]:
        """What still has to be asked for before values can be computed, in words."""
        asked = {
            "the place of the elastography box": self.box,
            "the place of the color bar, or a color table": self.bar or self.color_table,
            "the values at both ends of the color bar": self.values_at_ends,
            "the unit of the color bar (kPa, m/s or strain)": self.unit,
        }
        return tuple(words for words, answer in asked.items() if answer is None)

    def color_scale(self, frame: NDArray[np.uint8]) -> ColorScale:
        """The color scale of a frame.

        Raises
        ------
        ParameterError
            Naming what is missing.
        """
        if self.missing or self.values_at_ends is None or self.unit is None:
            raise ParameterError(
                f"The screen does not tell {' and '.join(self.missing)}; please enter what the scanner shows."
            )
        if self.bar is not None:
            return color_scale_from_bar(frame, self.bar, self.values_at_ends, self.unit)
        first, last = self.values_at_ends
        scale = bundled_color_scale(str(self.color_table), min(first, last), max(first, last), self.unit)
        return scale if first < last else replace(scale, colors=scale.colors[::-1])

    def summary(self) -> dict[str, Any]:
        """JSON-ready record of the calibration and where each part of it comes from."""
        parts = (part.name for part in fields(self) if part.name not in ("printed", "profiles", "sources", "warnings"))
        return {name: {"value": getattr(self, name), "source": self.sources.get(name, "unknown")} for name in parts}
