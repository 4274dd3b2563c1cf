"""What the panel remembers, kept in the scene."""

import enum
from pathlib import Path
from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MicrocalcAILib.base.parameters import SelectionParameters


class Device(enum.Enum):
    """Where neural networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self):
        names = {"auto": _("automatic"), "cpu": _("processor"), "cuda": _("graphics card"), "mps": _("Apple graphics")}
        return names[self.value]


class Selector(enum.Enum):
    """What decides which specks are calcifications."""

    AUTO = "auto"
    MEASUREMENTS = "measurements"

    def label(self):
        return {"auto": _("automatic"), "measurements": _("measurements of each speck")}[self.value]


class Heatmap(enum.Enum):
    """Which heatmap lies over the image."""

    NONE = ""
    DETECTION = "detection"
    MALIGNANCY = "malignancy"

    def label(self):
        return {"": _("none"), "detection": _("detection"), "malignancy": _("malignancy")}[self.value]


Share = Annotated[float, WithinRange(0.0, 1.0)]


@parameterNodeWrapper
class MicrocalcAIParameterNode:
    """The panel's parameters.

    inputVolume: the mammogram to analyze and to look at
    severalImages: analyze all mammograms of the scene that are checked in the list
    spacingMm: pixel spacing for images that do not know their own; 0 = not given
    regionOfInterest: show only results in this region
    detectionHeatmap, malignancyHeatmap, lesionBoxes: what to run besides
    falseMarksPerCm2: operating point, expected false marks per cm² of breast
    outputSegmentation: where to write; None = the image's own
    device, selector, classifierFolder: for experts; without a classifier there is no risk by the features
    simulatedClassifier: without an own classifier, take the one that was trained on simulated clusters
    reader: initials, kept with the reader's words and decisions
    showOutlines, outlineOpacity, heatmap, heatmapOpacity, heatmapThreshold, showBoxes, showGraph: the display
    exportFolder: where exports go
    exportDicom, exportToDatabase: also write DICOM objects; add them to Slicer's DICOM database
    """

    inputVolume: vtkMRMLScalarVolumeNode
    severalImages: bool = False
    spacingMm: Annotated[float, WithinRange(0.0, 2.0)] = 0.0
    regionOfInterest: vtkMRMLMarkupsROINode
    detectionHeatmap: bool = False
    malignancyHeatmap: bool = False
    lesionBoxes: bool = False
    falseMarksPerCm2: Annotated[float, WithinRange(0.01, 1.0)] = SelectionParameters().false_marks_per_cm2
    outputSegmentation: vtkMRMLSegmentationNode
    device: Device = Device.AUTO
    selector: Selector = Selector.AUTO
    classifierFolder: Path
    simulatedClassifier: bool = False
    reader: str = ""
    showOutlines: bool = True
    outlineOpacity: Share = 1.0
    heatmap: Heatmap = Heatmap.NONE
    heatmapOpacity: Share = 0.5
    heatmapThreshold: Annotated[float, WithinRange(0.0, 0.9)] = 0.1
    showBoxes: bool = True
    showGraph: bool = False
    exportFolder: Path
    exportDicom: bool = False
    exportToDatabase: bool = False
