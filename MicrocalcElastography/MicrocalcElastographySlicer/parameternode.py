"""What the panel remembers, kept in the scene."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Union

from slicer import (
    vtkMRMLMarkupsClosedCurveNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLMarkupsLineNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MicrocalcElastographyLib.elastogram import Direction, Unit

SCALE_LIMIT = 1000.0  # of the ends of a scale, in its unit


class _Choice(Enum):
    """A choice whose first member, None, stands for what the panel's text says."""

    def label(self):
        """As the panel shows it."""
        return self.text if self.value is None else str(self.value)

    @property
    def text(self):
        return "from the picture"


class ScaleUnit(_Choice):
    """Unit of the color bar or the map of values."""

    FROM_PICTURE = None
    KILOPASCAL = Unit.KILOPASCAL
    METERS_PER_SECOND = Unit.METERS_PER_SECOND
    STRAIN = Unit.STRAIN


class StrainDirection(_Choice):
    """Meaning of a map of strain values; color bars say it by their ends."""

    NOT_GIVEN = None
    SOFTER = Direction.SOFTER_IS_HIGHER
    STIFFER = Direction.STIFFER_IS_HIGHER

    @property
    def text(self):
        return "not given"


class ColorTable(_Choice):
    """Where the colors come from."""

    FROM_BAR = None
    JET = "jet"
    RAINBOW = "rainbow"
    SPECTRUM = "spectrum"
    SUPERSONIC = "supersonic"
    TURBO = "turbo"
    VIRIDIS = "viridis"

    @property
    def text(self):
        return "the bar on the screen"


class Shape(_Choice):
    """How a region is drawn; the value is the class of the markup."""

    OUTLINE = "vtkMRMLMarkupsClosedCurveNode"
    CIRCLE = "vtkMRMLMarkupsLineNode"
    RECTANGLE = "vtkMRMLMarkupsROINode"

    def label(self):
        """As the panel shows it."""
        return {"OUTLINE": "outline", "CIRCLE": "circle (its diameter)", "RECTANGLE": "rectangle"}[self.name]


class BoxPlace(_Choice):
    """Where the measurement box lies."""

    STIFFEST = "on the stiffest place"
    BY_HAND = "by hand"


class BoxForm(_Choice):
    """Shape of the measurement box; values as in the library."""

    SQUARE = "square"
    CIRCLE = "circle"


class Outcome(_Choice):
    """What the lesion is, once it is known."""

    UNKNOWN = None
    BENIGN = "benign"
    MALIGNANT = "malignant"

    @property
    def text(self):
        return "not known yet"


# What a region can be drawn with. Slicer makes a node of each class named here, so abstract ones cannot be named.
Drawing = Union[  # noqa: UP007, the wrapper does not know the form with bars
    vtkMRMLMarkupsClosedCurveNode, vtkMRMLMarkupsLineNode, vtkMRMLMarkupsROINode, None
]


@parameterNodeWrapper
class MicrocalcElastographyParameterNode:
    """The panel's parameters.

    Image. filePath: screen capture to load. inputVolume: the screen, or a map of values. frame: slice or frame,
    counted from 0. unit: of the color bar or the map. isRangeFromPicture: read the ends of the color bar from its
    labels. upperEnd, lowerEnd: values there. opacityPercent: share of color in the blend; 0 = from the picture.
    spacingMm: pixel size; 0 = from the picture. colorTable: instead of a bar. strainDirection: of maps of strain.
    barRegion, boxRegion: color bar and elastography box marked by hand; none = found in the picture.

    Measure. lesionMarkup … elastogramLesionMarkup: what is drawn; none = the segment of that name in segmentation.
    lesionName …: names of segments. shape: how regions are drawn. boxMm, boxForm, boxPlace, boxPoint: measurement box.
    isLive: measure while something is moved. precompression: level of the scanner's pressure indicator; 0 = not
    entered. isPositionKept … isPauseKept: what the examiner confirms.

    Readings. readingLesion, readingPatient: pseudonyms. readingOutcome. readerLabel: stands for the reader.
    isConsensus: the agreed third reading. exportFolder.

    Cohort. cohortPath, or cohortTable: the study. outcomeColumn …: columns; empty = guessed. malignantValues,
    parameterColumns, ignoredColumns: separated by commas. reportFolder: where to write the report; empty = nowhere.
    """

    filePath: Path
    inputVolume: vtkMRMLScalarVolumeNode
    frame: Annotated[int, WithinRange(0, 10000)] = 0
    unit: ScaleUnit = ScaleUnit.FROM_PICTURE
    isRangeFromPicture: bool = True
    upperEnd: Annotated[float, WithinRange(-SCALE_LIMIT, SCALE_LIMIT)] = 0.0
    lowerEnd: Annotated[float, WithinRange(-SCALE_LIMIT, SCALE_LIMIT)] = 0.0
    opacityPercent: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    spacingMm: Annotated[float, WithinRange(0.0, 5.0)] = 0.0
    colorTable: ColorTable = ColorTable.FROM_BAR
    strainDirection: StrainDirection = StrainDirection.NOT_GIVEN
    barRegion: vtkMRMLMarkupsROINode
    boxRegion: vtkMRMLMarkupsROINode

    lesionMarkup: Drawing
    fatMarkup: Drawing
    skinMarkup: Drawing
    chestWallMarkup: Drawing
    calcificationMarkup: Drawing
    elastogramLesionMarkup: Drawing
    segmentation: vtkMRMLSegmentationNode
    lesionName: str = "lesion"
    fatName: str = "fat"
    skinName: str = "skin"
    chestWallName: str = "chest wall"
    calcificationName: str = "calcification"
    elastogramLesionName: str = "lesion on elastogram"
    shape: Shape = Shape.OUTLINE
    boxMm: Annotated[float, WithinRange(0.1, 20.0)] = 2.0
    boxForm: BoxForm = BoxForm.SQUARE
    boxPlace: BoxPlace = BoxPlace.STIFFEST
    boxPoint: vtkMRMLMarkupsFiducialNode
    isLive: bool = True
    precompression: Annotated[float, WithinRange(0.0, 10.0)] = 0.0
    isPositionKept: bool = False
    isPlaneKept: bool = False
    isBreathHeld: bool = False
    isImageStable: bool = False
    isPauseKept: bool = False

    readingLesion: str = "lesion 1"
    readingPatient: str = ""
    readingOutcome: Outcome = Outcome.UNKNOWN
    readerLabel: str = ""
    isConsensus: bool = False
    exportFolder: Path

    cohortPath: Path
    cohortTable: vtkMRMLTableNode
    outcomeColumn: str = ""
    malignantValues: str = ""
    lesionColumn: str = ""
    patientColumn: str = ""
    readerColumn: str = ""
    repeatColumn: str = ""
    parameterColumns: str = ""
    ignoredColumns: str = ""
    reportFolder: Path
