"""What the results of every module have in common: nodes made together, tables, places in the hierarchy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
import vtk.util.numpy_support

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd


@contextmanager
def nothingLeftBehind():
    """A list for new nodes, which are removed again when the block fails."""
    created: list = []
    try:
        yield created
    except BaseException:
        for node in created:
            removeNode(node)
        raise


def addNode(className: str, name: str, created: list):
    """Add a node under a name that the scene does not have yet."""
    node = slicer.mrmlScene.AddNewNodeByClass(className, slicer.mrmlScene.GenerateUniqueName(name))
    created.append(node)
    return node


def removeNode(node) -> None:
    """Remove a node and what displays it."""
    if node is None or node.GetScene() is None:
        return
    if node.IsA("vtkMRMLDisplayableNode"):
        for index in reversed(range(node.GetNumberOfDisplayNodes())):
            displayNode = node.GetNthDisplayNode(index)
            if displayNode is not None:
                slicer.mrmlScene.RemoveNode(displayNode)
    slicer.mrmlScene.RemoveNode(node)


def fillTable(tableNode, frame: pd.DataFrame | dict[str, np.ndarray]) -> None:
    """Replace a table's content, by a table or its columns; numbers stay numbers."""
    with slicer.util.NodeModify(tableNode):
        tableNode.RemoveAllColumns()
        for name, values in frame.items():
            column = _column(np.asarray(values))
            column.SetName(str(name))
            tableNode.AddColumn(column)


def tableRows(tableNode) -> list[dict[str, float | str]]:
    """The rows of a table; numbers as float."""
    table = tableNode.GetTable()
    names = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    return [{name: _cell(table.GetValueByName(row, name)) for name in names} for row in range(table.GetNumberOfRows())]


def tableFrame(tableNode) -> pd.DataFrame:
    """A table as a DataFrame; numbers are numbers again also after the table was saved and loaded as text."""
    import pandas as pd

    table = tableNode.GetTable()
    columns = {}
    for index in range(table.GetNumberOfColumns()):
        column = table.GetColumn(index)
        if isinstance(column, vtk.vtkStringArray):
            cells = np.array([column.GetValue(row) for row in range(column.GetNumberOfValues())], dtype=object)
            numbers = pd.to_numeric(cells, errors="coerce")
            hasText = any(cell.lower() != "nan" for cell in cells[np.isnan(numbers)])
            columns[column.GetName()] = cells if hasText else numbers
        else:
            columns[column.GetName()] = vtk.util.numpy_support.vtk_to_numpy(column).copy()
    return pd.DataFrame(columns)


def numberOf(cell) -> float:
    """The number of a table cell; NaN where there is none. Tables of a saved scene come back as text."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


@contextmanager
def noOrphanedDisplays():
    """Remove the display nodes that ``slicer.util`` forgets when it reads or writes a segment."""
    before = set(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeDisplayNode"))
    try:
        yield
    finally:
        for node in set(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeDisplayNode")) - before:
            slicer.mrmlScene.RemoveNode(node)


def groupUnder(parentNode, nodes) -> None:
    """Show nodes below another one in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parentItem = hierarchy.GetItemByDataNode(parentNode)
    if parentItem == hierarchy.GetInvalidItemID():
        return
    for node in nodes:
        hierarchy.SetItemParent(hierarchy.CreateItem(parentItem, node), parentItem)


def _column(values: np.ndarray):
    toVtk = vtk.util.numpy_support.numpy_to_vtk
    if values.dtype.kind in "biu":
        return toVtk(values.astype(np.int32), deep=True, array_type=vtk.VTK_INT)
    if values.dtype.kind == "f":
        return toVtk(values.astype(np.float64), deep=True, array_type=vtk.VTK_DOUBLE)
    column = vtk.vtkStringArray()
    for value in values:
        # Slicer's table files do not survive quotes, tabs, line breaks and leading blanks.
        column.InsertNextValue(" ".join(str(value).replace('"', "'").split()) or "-")
    return column


def _cell(value) -> float | str:
    return value.ToDouble() if value.IsNumeric() else value.ToString()
