"""What a simulated elastography screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from MicrocalcAILib.base.errors import ParameterError

from ..color_scale import table_names
from ..elastogram import Unit


class Content(StrEnum):
    """What lies in the elastography box."""

    LESION = "lesion"
    """A stiff lesion with a stiffer rim in fat and glandular tissue."""
    SOFT = "soft"
    """Nothing but soft tissue: a box of one color."""
    STIFF = "stiff"
    """Stiff all over, close to the upper end of a scale of 180 kPa."""


class Layout(StrEnum):
    """How the panels lie on the screen."""

    OVER_UNDER = "over-under"
    """Panel with color above, the same B-mode image without color below."""
    SIDE_BY_SIDE = "side-by-side"
    """B-mode image on the left, the same with color on the right."""
    SINGLE = "single"
    """Only the panel with color."""


class BarPlace(StrEnum):
    """Where the color bar lies."""

    RIGHT = "right"
    LEFT = "left"
    BOTTOM = "bottom"


@dataclass(frozen=True)
class PhantomParameters:
    """A simulated screen.

    Parameters
    ----------
    seed : int
    content, layout, bar_place : Content, Layout, BarPlace
    unit : Unit
        kPa, m/s (converted with 1000 kg/m³) or relative strain (0 hard to 1 soft).
    scale : (float, float)
        Lowest and highest value of the color bar, in ``unit``.
    high_at_top : bool
        Whether the high end of a vertical bar is its upper one (right for a horizontal bar).
    color_table : str
        A bundled color table.
    opacity : float
        Share of color in the blend, above 0 to 1.
    lesion_kpa : float
        Mean stiffness of the lesion's core.
    lesion_diameter_mm : float
    void_share : float
        Share of the box, 0 to 0.5, without elasticity value (behind the lesion, where no shear wave arrives).
    spacing_mm : float
        Pixel spacing, the same in both directions.
    jpeg_quality : int or None
        JPEG quality, chroma halved in both directions; None for a lossless screen.
    """

    seed: int = 0
    content: Content = Content.LESION
    layout: Layout = Layout.OVER_UNDER
    bar_place: BarPlace = BarPlace.RIGHT
    unit: Unit = Unit.KILOPASCAL
    scale: tuple[float, float] = (0.0, 180.0)
    high_at_top: bool = True
    color_table: str = "supersonic"
    opacity: float = 0.5
    lesion_kpa: float = 110.0
    lesion_diameter_mm: float = 9.0
    void_share: float = 0.04
    spacing_mm: float = 0.1
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        if self.color_table not in table_names():
            raise ParameterError(f"There is no color table “{self.color_table}”; choose {', '.join(table_names())}.")
        if not self.scale[0] < self.scale[1]:
            raise ParameterError("The color scale of the phantom needs a lowest value below its highest.")
        for name, value, low, high in (
            ("opacity", self.opacity, 0.05, 1.0),
            ("lesion stiffness (kPa)", self.lesion_kpa, 1.0, 600.0),
            ("lesion diameter (mm)", self.lesion_diameter_mm, 2.0, 14.0),
            ("share of void pixels", self.void_share, 0.0, 0.5),
            ("pixel spacing (mm)", self.spacing_mm, 0.06, 0.15),
            ("JPEG quality", self.jpeg_quality or 100, 10, 100),
        ):
            if not low <= value <= high:
                raise ParameterError(f"The phantom's {name} is {low:g} to {high:g}, not {value:g}.")
