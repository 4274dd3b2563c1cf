"""DICOM segmentations: outlines as one segment per cluster and one for the singles, heatmaps as probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from .. import __version__
from ..analysis import SINGLES
from ..export.segmentation import cloud_name
from ..lexicon.vocabulary import AMORPHOUS
from ..networks.heatmap import TASKS, Heatmap
from . import codes
from .composite import MANUFACTURER, MODEL, finish, series, series_uid
from .source import SourceImage

_SINGLES_NAME = "Singles"
_LEVELS = 255
_BINARY = SegmentationTypeValues.BINARY


def outlines(source: SourceImage) -> Dataset | None:
    """The label map as a binary segmentation (PS3.3 A.51); None where nothing was found.

    Segments: the clusters in order, then the calcifications that belong to none, then the clouds around amorphous
    clusters, without the pixels of calcifications.
    """
    calcifications = source.analysis.calcifications
    names = dict(zip(source.analysis.clusters["id"], source.analysis.clusters["name"], strict=True))
    if (calcifications["cluster_id"] == SINGLES).any():
        names[SINGLES] = _SINGLES_NAME
    if not names:
        return None
    cluster_of = np.zeros(int(calcifications["id"].max()) + 1, np.int64) - 1
    cluster_of[calcifications["id"]] = calcifications["cluster_id"]
    members = cluster_of[source.analysis.labels]
    members[source.analysis.labels == 0] = -1
    clouds = source.analysis.clouds
    around = [cloud.around(source.analysis.labels) for cloud in clouds]
    planes = np.stack([*(members == identifier for identifier in names), *around], axis=-1)
    described = [
        _description(
            source, number, name, codes.CALCIFICATION if identifier == SINGLES else codes.CLUSTER, str(identifier)
        )
        for number, (identifier, name) in enumerate(names.items(), start=1)
    ]
    amorphous = codes.of_word("morphology", AMORPHOUS)
    for number, cloud in enumerate(clouds, start=len(described) + 1):
        name, tracked = cloud_name(names[cloud.cluster_id]), f"cloud {cloud.cluster_id}"
        described.append(_description(source, number, name, amorphous, tracked))
    return _segmentation(source, planes.astype(np.uint8)[None], described, "seg", _BINARY)


def probabilities(source: SourceImage, heatmap: Heatmap, number: int) -> Dataset:
    """A heatmap as a fractional segmentation of the image's own grid: 255 is a probability of 1, 0 also "not asked"."""
    values = np.nan_to_num(heatmap.probabilities.astype(np.float32))
    plane = _on_pixels(values, heatmap, source)
    described = _description(source, 1, f"Probability of {TASKS[heatmap.task]}", codes.CALCIFICATION, heatmap.task)
    return _segmentation(
        source, plane[None, ..., None], [described], "heatmap", SegmentationTypeValues.FRACTIONAL, number
    )


def _on_pixels(values: NDArray[np.float32], heatmap: Heatmap, source: SourceImage) -> NDArray[np.float32]:
    """Each pixel takes the probability of the cell that it lies in; 0 outside the grid."""
    cells = [
        np.rint((np.arange(pixels) * spacing - first) / step).astype(int)
        for pixels, spacing, first, step in zip(
            source.analysis.labels.shape,
            source.analysis.spacing_mm,
            heatmap.first_center_mm,
            heatmap.spacing_mm,
            strict=True,
        )
    ]
    inside = [(index >= 0) & (index < count) for index, count in zip(cells, values.shape, strict=True)]
    picture = values[np.ix_(*(np.clip(index, 0, count - 1) for index, count in zip(cells, values.shape, strict=True)))]
    return picture * np.logical_and.outer(*inside)


def _description(source: SourceImage, number: int, label: str, kind: Code, tracked: str) -> SegmentDescription:
    algorithm = hd.AlgorithmIdentificationSequence(
        name=MODEL, version=__version__, family=Code("122467", "DCM", "Machine Learning"), source=MANUFACTURER
    )
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.MORPHOLOGICALLY_ALTERED,
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=source.uid("segment", tracked),
        tracking_id=label,
        anatomic_regions=[codes.BREAST],
    )


def _segmentation(
    source: SourceImage,
    pixels: NDArray[Any],
    described: Sequence[SegmentDescription],
    kind: str,
    type_of_pixels: SegmentationTypeValues,
    number: int = 1,
) -> Dataset:
    series_number, series_description = series(kind)
    image = source.dataset
    made = Segmentation(
        source_images=[image],
        pixel_array=pixels,
        segmentation_type=type_of_pixels,
        segment_descriptions=list(described),
        series_instance_uid=series_uid([source], kind),
        series_number=series_number,
        sop_instance_uid=source.uid(kind, str(number)),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        device_serial_number="0",
        series_description=series_description,
        max_fractional_value=_LEVELS,
        transfer_syntax_uid=ExplicitVRLittleEndian if type_of_pixels is _BINARY else RLELossless,
        omit_empty_frames=False,
    )
    # Of images without a frame of reference, what highdicom leaves out and the standard asks for (type 2C).
    made.PatientOrientation = image.PatientOrientation
    if image.get("ImageLaterality") or source.laterality:
        made.ImageLaterality = image.get("ImageLaterality") or source.laterality
    finish(made, source)
    return made
