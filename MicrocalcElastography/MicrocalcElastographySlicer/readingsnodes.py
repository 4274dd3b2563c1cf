"""The readings of a scene as one table node, which holds them exactly and shows them to everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer

from MicrocalcSlicerShared.nodes import addNode, fillTable, nothingLeftBehind

from .nodes import recall, remember

if TYPE_CHECKING:  # pandas need not be installed yet
    from collections.abc import Sequence

    from MicrocalcElastographyLib.readings import Reading

_READINGS = "Readings"
_NAME = "Elastography readings"


def findReadings():
    """The table node of the readings, or None. Works after a scene was saved and loaded."""
    for tableNode in slicer.util.getNodesByClass("vtkMRMLTableNode"):
        if recall(tableNode, _READINGS) is not None:
            return tableNode
    return None


def readingsOf(tableNode) -> tuple[Reading, ...]:
    """The readings of :func:`findReadings`; none without a node."""
    from MicrocalcElastographyLib.readings import readings_of_records

    # Not from the cells: table files keep six digits and no quotes.
    return () if tableNode is None else readings_of_records(recall(tableNode, _READINGS))


def showReadings(readings: Sequence[Reading]):
    """Replace the readings of the scene.

    Returns
    -------
    vtkMRMLTableNode
    """
    from MicrocalcElastographyLib.readings import records_of, table_of

    with nothingLeftBehind() as created:
        tableNode = findReadings() or addNode("vtkMRMLTableNode", _NAME, created)
        fillTable(tableNode, table_of(readings))
        remember(tableNode, _READINGS, records_of(readings))
    return tableNode
