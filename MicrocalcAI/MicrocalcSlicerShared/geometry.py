"""Where volumes lie."""

import numpy as np
import slicer
import vtk


def ijkToRas(volumeNode) -> np.ndarray:
    """The volume's own IJK to RAS matrix, shape (4, 4), without its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)
