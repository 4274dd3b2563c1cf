"""What the panel remembers, kept in the scene."""

from enum import Enum
from pathlib import Path
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MicrocalcElastographyLib.elastogram import Unit


class ScaleUnit(Enum):
    """Unit of the color bar or the map of values."""

    FROM_PICTURE = None
    KILOPASCAL = Unit.KILOPASCAL
    METERS_PER_SECOND = Unit.METERS_PER_SECOND
    STRAIN = Unit.STRAIN

    def label(self):
        """As the panel shows it."""
        return "from the picture" if self.value is None else str(self.value)


@parameterNodeWrapper
class MicrocalcElastographyParameterNode:
    """The panel's parameters.

    filePath: screen capture to load
    inputVolume: the screen, or a map of values
    frame: slice or frame, counted from 0
    unit: of the color bar or the map
    isRangeFromPicture: read the ends of the color bar from its labels
    upperEnd, lowerEnd: values at the ends of the color bar
    opacityPercent: share of color in the blend; 0 = from the picture
    spacingMm: pixel size of images that do not tell it; 0 = from the picture
    segmentation: where lesion, fat … are drawn
    lesionName, fatName, skinName, chestWallName, calcificationName: names of segments
    boxMm: side of the measurement box
    precompression: level of the scanner's pressure indicator; 0 = not entered
    cohortPath: table of the study
    outcomeColumn: column that says benign or malignant; empty = guessed
    reportFolder: where to write the study's report; empty = nowhere
    """

    filePath: Path
    inputVolume: vtkMRMLScalarVolumeNode
    frame: Annotated[int, WithinRange(0, 10000)] = 0
    unit: ScaleUnit = ScaleUnit.FROM_PICTURE
    isRangeFromPicture: bool = True
    upperEnd: Annotated[float, WithinRange(-1000.0, 1000.0)] = 0.0
    lowerEnd: Annotated[float, WithinRange(-1000.0, 1000.0)] = 0.0
    opacityPercent: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    spacingMm: Annotated[float, WithinRange(0.0, 5.0)] = 0.0
    segmentation: vtkMRMLSegmentationNode
    lesionName: str = "lesion"
    fatName: str = "fat"
    skinName: str = "skin"
    chestWallName: str = "chest wall"
    calcificationName: str = "calcification"
    boxMm: Annotated[float, WithinRange(0.1, 20.0)] = 2.0
    precompression: Annotated[float, WithinRange(0.0, 10.0)] = 0.0
    cohortPath: Path
    outcomeColumn: str = ""
    reportFolder: Path
