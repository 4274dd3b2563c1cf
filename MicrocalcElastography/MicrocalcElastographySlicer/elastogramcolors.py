"""The colors of an elastogram in Slicer: the scanner's own, in equal steps of the unit, with a legend that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcElastographyLib.elastogram import Elastogram, Unit, shear_wave_speed_m_s, youngs_modulus_kpa

if TYPE_CHECKING:  # scipy need not be installed yet
    from MicrocalcElastographyLib.color_scale import ColorScale

_COLOR_COUNT = 256
_NOT_SHOWN_ABOVE = 1e6


def fillColors(colorNode, shown: Elastogram, unit: Unit, scale: ColorScale) -> None:
    """Give a color table the colors of the scanner in equal steps of the shown unit.

    Parameters
    ----------
    colorNode : vtkMRMLColorTableNode
    shown : Elastogram
        In the unit that is displayed.
    unit : Unit
        The values were measured in, as ``scale`` has it.
    scale : ColorScale
    """
    low, high = _window(shown, scale)
    values = np.linspace(low, high, _COLOR_COUNT)
    measured = shear_wave_speed_m_s(values) if unit == Unit.METERS_PER_SECOND else values
    colors = scale.colors_of(measured) / 255.0
    colorNode.SetNumberOfColors(_COLOR_COUNT)
    for index, (value, color) in enumerate(zip(values.tolist(), colors.tolist(), strict=True)):
        colorNode.SetColor(index, f"{value:.4g} {shown.unit}", *color, 1.0)


def displayValues(valueNode, colorNode, scale: ColorScale, shown: Elastogram, hiddenBelow: float) -> None:
    """Display values in these colors over the range of the scanner's bar; pixels without a value are not displayed."""
    low, high = _window(shown, scale)
    displayNode = valueNode.GetDisplayNode()
    displayNode.SetAndObserveColorNodeID(colorNode.GetID())
    displayNode.SetInterpolate(0)  # between a value and void there is no value
    displayNode.SetAutoWindowLevel(0)
    displayNode.SetWindowLevelMinMax(low, high)
    displayNode.SetAutoThreshold(0)
    displayNode.SetThreshold(hiddenBelow, _NOT_SHOWN_ABOVE)
    displayNode.SetApplyThreshold(1)
    legendNode = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(valueNode)
    legendNode.SetTitleText("strain (arbitrary)" if shown.unit == Unit.STRAIN else str(shown.unit))
    legendNode.SetLabelFormat("%.2f" if high - low < 10 else "%.0f")
    legendNode.SetVisibility(True)


def _window(shown: Elastogram, scale: ColorScale) -> tuple[float, float]:
    if scale.unit == Unit.METERS_PER_SECOND and shown.unit == Unit.KILOPASCAL:
        return youngs_modulus_kpa(scale.low), youngs_modulus_kpa(scale.high)
    return scale.low, scale.high
