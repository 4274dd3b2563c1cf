"""The overlay as a secondary capture, and the marks alone as a presentation state over the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from .composite import new_object, reference
from .outlines import outline_of_cluster
from .source import SourceImage

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
_LAYER = "CALCIFICATIONS"
_FIRST_CENTER = 0.5  # 0, 0 is the outer corner of the first pixel (PS3.3 C.10.5)
_VALUES = ("RescaleIntercept", "RescaleSlope", "RescaleType")
_WINDOW = ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence")


def secondary_capture(source: SourceImage, picture: NDArray[np.uint8]) -> Dataset:
    """A picture of the findings as a secondary capture (PS3.3 A.8.1).

    Parameters
    ----------
    source : SourceImage
    picture : uint8 array, shape (rows, columns, 3)
        Red, green, blue.
    """
    made = new_object([source], _SECONDARY_CAPTURE, "sc", "OT")
    made.ConversionType = "WSD"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.BurnedInAnnotation = "YES"
    made.RecognizableVisualFeatures = "NO"
    made.DerivationDescription = "Calcifications marked by Microcalc AI; research use only, not for diagnosis"
    made.SourceImageSequence = [reference(source)]
    made.PatientOrientation = source.dataset.PatientOrientation
    if source.laterality:
        made.Laterality = source.laterality
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.Rows, made.Columns = picture.shape[:2]
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    data = np.ascontiguousarray(picture).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    return made


def presentation_state(source: SourceImage) -> Dataset:
    """Hulls and names of clusters, borders of clouds, circles around singles (PS3.3 A.33.1, grayscale softcopy).

    Viewers can switch these marks on and off, unlike a picture's.
    """
    header, analysis = source.dataset, source.analysis
    made = new_object([source], _PRESENTATION_STATE, "gsps", "PR")
    made.ContentLabel, made.ContentDescription = _LAYER, "Calcifications marked by Microcalc AI; research use only"
    made.PresentationCreationDate, made.PresentationCreationTime = made.ContentDate, made.ContentTime
    del made.ContentDate, made.ContentTime  # not attributes of presentation states
    made.Laterality = source.laterality
    made.ContentCreatorName = ""
    series = Dataset()
    series.SeriesInstanceUID = header.SeriesInstanceUID
    series.ReferencedImageSequence = [reference(source)]
    made.ReferencedSeriesSequence = [series]
    area = Dataset()
    area.ReferencedImageSequence = [reference(source)]
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [int(header.Columns), int(header.Rows)]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelAspectRatio = [1, 1]
    made.DisplayedAreaSelectionSequence = [area]
    made.PresentationLUTShape = "INVERSE" if header.get("PhotometricInterpretation") == "MONOCHROME1" else "IDENTITY"
    made.update({header[name].tag: header[name] for name in _VALUES if name in header})
    window = Dataset()
    window.update({header[name].tag: header[name] for name in _WINDOW if name in header})
    if len(window):  # without it viewers would show all stored values
        window.ReferencedImageSequence = [reference(source)]
        made.SoftcopyVOILUTSequence = [window]
    by_cluster = analysis.calcifications.groupby("cluster_id")
    graphics, labels = [], []
    for _, cluster in analysis.clusters.iterrows():
        hull = outline_of_cluster(by_cluster.get_group(cluster["id"]))
        graphics.append(_graphic("POLYLINE", hull))
        labels.append(_label(str(cluster["name"]), hull[:, 0].min(), hull[:, 1].max()))
    corner = np.array(analysis.labels.shape) - 0.5
    borders = (part for cloud in analysis.clouds for part in cloud.parts)
    graphics += [_graphic("POLYLINE", np.clip(border, -0.5, corner)) for border in borders]
    for _, single in analysis.calcifications[analysis.calcifications["cluster_id"] == 0].iterrows():
        center = single[["row", "column"]].to_numpy(float)
        radius = 2 + 0.5 * max(single["row_max"] - single["row_min"], single["column_max"] - single["column_min"])
        graphics.append(_graphic("CIRCLE", np.stack([center, center + np.array([0, radius])])))
    if graphics:
        annotation = Dataset()
        annotation.ReferencedImageSequence = [reference(source)]
        annotation.GraphicLayer = _LAYER
        annotation.GraphicObjectSequence = graphics
        if labels:
            annotation.TextObjectSequence = labels
        made.GraphicAnnotationSequence = [annotation]
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerOrder = _LAYER, 1
        made.GraphicLayerSequence = [layer]
    return made


def _graphic(kind: str, places: NDArray[np.float64]) -> Dataset:
    made = Dataset()
    made.GraphicAnnotationUnits = "PIXEL"
    made.GraphicDimensions = 2
    made.NumberOfGraphicPoints = len(places)
    made.GraphicData = [round(float(value) + _FIRST_CENTER, 2) for value in places[:, ::-1].ravel()]
    made.GraphicType = kind
    made.GraphicFilled = "N"
    return made


def _label(text: str, row: float, column: float) -> Dataset:
    made = Dataset()
    made.UnformattedTextValue = text
    made.AnchorPoint = [round(float(column) + _FIRST_CENTER, 2), round(float(row) + _FIRST_CENTER, 2)]
    made.AnchorPointAnnotationUnits = "PIXEL"
    made.AnchorPointVisibility = "N"
    return made
