"""Where a cluster lies, in a reader's words: side and view, depth in the breast, millimeters."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from .mammogramloading import sideAndView


def placeInWords(volumeNode, imageRecord: dict[str, Any], row: dict[str, Any]) -> str:
    """Side, view and distances of a cluster; what is not known is left out.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode or None
        The mammogram.
    imageRecord : dict
        As :func:`.results.imageRecord` gives it.
    row : dict
        Of the cluster table.
    """
    laterality, view = (None, None) if volumeNode is None else sideAndView(volumeNode)
    side = {"L": _("left breast"), "R": _("right breast")}.get(laterality, "")
    parts = [" ".join(filter(None, (side, view)))]
    down, across = imageRecord.get("spacing_mm", (None, None))
    top, bottom, left, right = imageRecord.get("breast_box", (0, 0, 0, 0))
    image = None if volumeNode is None else volumeNode.GetImageData()
    columns = 0 if image is None else image.GetDimensions()[0]
    if down and bottom > top and right > left:
        depth = _depth(row["column"], left, right, columns)
        if depth is not None:
            words = (_("posterior"), _("middle"), _("anterior"))[min(int(3 * depth / (right - left)), 2)]
            text = _("{third} third, {mm:.0f} mm from the edge at the chest wall")
            parts.append(text.format(third=words, mm=depth * across))
        parts.append(_("{mm:.0f} mm below the top of the breast").format(mm=max(row["row"] - top, 0) * down))
    elif down:
        text = _("{across:.0f} mm from the left and {down:.0f} mm from the top of the image")
        parts.append(text.format(across=row["column"] * across, down=row["row"] * down))
    return ", ".join(filter(None, parts))


def _depth(column: float, left: int, right: int, columns: int) -> float | None:
    """Pixels from the edge of the image at the chest wall, which the breast reaches there; None if that is not one."""
    if (left <= 1) == (right >= columns - 1):
        return None
    return max(column - left, 0.0) if left <= 1 else max(right - 1 - column, 0.0)
