"""Lines drawn over slice views, outside the scene: they follow pan and zoom and leave no trace."""

from __future__ import annotations

import numpy as np
import vtk
import vtk.util.numpy_support


class LineOverlay:
    """Line pieces of one color over one slice view."""

    def __init__(self, color: tuple[float, float, float], width: float):
        self._world = vtk.vtkPoints()
        self._inView = vtk.vtkPoints()
        self._lines = vtk.vtkPolyData()
        self._lines.SetPoints(self._inView)
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._lines)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetColor(color)
        self.actor.GetProperty().SetLineWidth(width)

    @property
    def pieceCount(self) -> int:
        """Number of line pieces shown."""
        return self._lines.GetNumberOfLines()

    def showPieces(self, worldEnds: vtk.vtkPoints, sliceNode) -> None:
        """Show pieces from every even point to the next one; world positions (RAS)."""
        count = worldEnds.GetNumberOfPoints()
        cells = vtk.vtkCellArray()
        if count:
            numbers = vtk.util.numpy_support.numpy_to_vtkIdTypeArray(np.arange(count, dtype=np.int64), deep=True)
            starts = np.arange(0, count + 1, 2, dtype=np.int64)
            cells.SetData(vtk.util.numpy_support.numpy_to_vtkIdTypeArray(starts, deep=True), numbers)
        self._world = worldEnds
        self._lines.SetLines(cells)
        self.place(sliceNode)

    def place(self, sliceNode) -> None:
        """Put the lines where the view shows their world positions now."""
        toView = vtk.vtkTransform()
        toView.SetMatrix(sliceNode.GetXYToRAS())
        toView.Inverse()
        self._inView.Reset()
        toView.TransformPoints(self._world, self._inView)
        self._inView.Modified()
        self._lines.Modified()


def joined(path: np.ndarray, closed: bool = False) -> np.ndarray:
    """A path of positions, shape (points, 2), as line pieces, shape (pieces, 2, 2)."""
    points = np.asarray(path, float).reshape(-1, 2)
    if closed and len(points) > 2:
        points = np.vstack((points, points[:1]))
    return np.stack((points[:-1], points[1:]), axis=1) if len(points) > 1 else np.empty((0, 2, 2))
