"""Simulated elastograms in the scene, with what is true about them."""

from functools import cache

import numpy as np
import vtk

from MicrocalcElastographyLib.phantom import PhantomParameters, SimulatedScreen, simulate_screen, write_dicom
from MicrocalcElastographySlicer import screens


@cache
def simulated(**parameters) -> SimulatedScreen:
    """A simulated screen; the same object for the same parameters."""
    return simulate_screen(PhantomParameters(**parameters))


def load_screen(folder, screen=None, name="Breast"):
    """The screen as a DICOM file, loaded into the scene."""
    path = folder / f"{name}.dcm"
    write_dicom([screen or simulated()], path)
    return screens.loadScreens(path, name=name)


def frame_mask(screen, part):
    """A mask of the box as a mask of the frame."""
    mask = np.zeros(screen.frame.shape[:2], dtype=np.uint8)
    mask[screen.box.slices] = part
    return mask


def ras(volume, row, column):
    """Where a pixel of an upright image with its origin at 0 lies (RAS, mm), written out."""
    across, down, _ = volume.GetSpacing()
    return np.array([-across * column, -down * row, 0.0])


def draw(slicer, volume, **masks):
    """A segmentation on a volume with a segment for each mask of the volume's shape."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Regions")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name, mask in masks.items():
        identifier = node.GetSegmentation().AddEmptySegment("", name.replace("_", " "))
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.asarray(mask, np.uint8)[np.newaxis], node, identifier, volume
        )
    return node


def fat_mask(screen):
    """A patch at the left edge of the box, at the depth of the lesion."""
    part = np.zeros_like(screen.lesion)
    middle = int(np.argwhere(screen.lesion).mean(axis=0)[0])
    part[middle - 12 : middle + 12, 8:32] = True
    return frame_mask(screen, part)


def node_names(slicer):
    """Class and name of everything in the scene, sorted."""
    nodes = slicer.util.getNodesByClass("vtkMRMLNode")
    return sorted((node.GetClassName(), node.GetName()) for node in nodes)


def values_at(slicer, volume, points):
    """Values of a scalar volume at RAS points."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    array = slicer.util.arrayFromVolume(volume)
    found = []
    for point in points:
        column, row, index, _ = matrix.MultiplyPoint([*point, 1.0])
        found.append(array[round(index), round(row), round(column)])
    return np.array(found)
