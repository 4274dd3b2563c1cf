"""What the panel remembers, kept in the scene."""

from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MicrocalcAILib.parameters import SelectionParameters


@parameterNodeWrapper
class MicrocalcAIParameterNode:
    """The panel's parameters.

    inputVolume: the mammogram to analyze
    spacingMm: pixel spacing for images that do not know their own; 0 = not given
    regionOfInterest: show only results in this region
    falseMarksPerCm2: operating point, expected false marks per cm² of breast
    outputSegmentation: where to write; None = the image's own
    """

    inputVolume: vtkMRMLScalarVolumeNode
    spacingMm: Annotated[float, WithinRange(0.0, 2.0)] = 0.0
    regionOfInterest: vtkMRMLMarkupsROINode
    falseMarksPerCm2: Annotated[float, WithinRange(0.01, 1.0)] = SelectionParameters().false_marks_per_cm2
    outputSegmentation: vtkMRMLSegmentationNode
