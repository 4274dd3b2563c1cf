"""A measurement report (Comprehensive SR, PS3.16 TID 1500) of a lesion's elastograms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code
from skimage.measure import find_contours

from MicrocalcAILib import __version__
from MicrocalcAILib.dicom.composite import MANUFACTURER, finish_object
from MicrocalcAILib.dicom.source import stable_uid

from ..assessment import Assessment
from ..elastogram import Unit
from ..measurement import Region, RegionStatistics
from ..measurement.stiffest import BoxShape, PlacedBox
from ..readings import Reading
from . import codes

MODEL = "Microcalc Elastography"
_SERIES = (9201, "Elastography: measurements (research)")
_DERIVED = (
    ("mean", codes.MEAN),
    ("maximum", codes.MAXIMUM),
    ("minimum", codes.MINIMUM),
    ("standard_deviation", codes.STANDARD_DEVIATION),
)


@dataclass(frozen=True)
class Acquisition:
    """One measured elastogram.

    Parameters
    ----------
    image : Dataset
        Attributes of the DICOM image that it was measured in; those of patient and study are all there.
    assessment : Assessment
    reading : Reading
    """

    image: Dataset
    assessment: Assessment
    reading: Reading

    @property
    def frame_numbers(self) -> list[int] | None:
        """The frame of a multi-frame image, from 1."""
        if int(self.image.get("NumberOfFrames") or 1) == 1:
            return None
        return [int(self.assessment.measurement.elastogram.source["frame"]) + 1]


def elastography_report(acquisitions: Sequence[Acquisition], when: datetime) -> Dataset:
    """A report of one lesion, with every acquisition.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        Of one patient and study.
    when : datetime
        When they were measured (UTC).

    Returns
    -------
    Dataset
        Per acquisition a planar group for the measurement box, the lesion and the fat, each with elasticity and
        shear-wave speed (mean, maximum, minimum, standard deviation), area, share without a value; and a group of what
        belongs to no single region: ratios, sizes, scores.
    """
    key = _key(acquisitions)
    observer = ObserverContext(
        observer_type=dictionary.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=stable_uid(MODEL, __version__), name=MODEL, manufacturer_name=MANUFACTURER
        ),
    )
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=codes.ULTRASOUND,
        imaging_measurements=[group for one in acquisitions for group in _groups(one, key)],
        title=dictionary.DCM.ImagingMeasurementReport,
    )
    images = {str(one.image.SOPInstanceUID): one.image for one in acquisitions}
    study = str(acquisitions[0].image.StudyInstanceUID)
    made = ComprehensiveSR(
        evidence=list(images.values()),
        content=report,
        series_instance_uid=stable_uid(study, "elastography", key),
        series_number=_SERIES[0],
        sop_instance_uid=stable_uid(study, "elastography report", key),
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description=_SERIES[1],
        is_complete=True,
    )
    made.ManufacturerModelName, made.SoftwareVersions = MODEL, __version__
    made.DeviceSerialNumber = "0"
    made.CodingSchemeIdentificationSequence = [codes.scheme_identification()]
    finish_object(made, acquisitions[0].image, when)
    return made


def _key(acquisitions: Sequence[Acquisition]) -> str:
    """The same for the same measurements in the same images, another one after any change."""
    digest = hashlib.sha256()
    for one in acquisitions:
        measurement = one.assessment.measurement
        for part in (one.image.SOPInstanceUID, one.reading, measurement.as_dict(), __version__):
            digest.update(f"{part}\0".encode())
        for region in (measurement.regions.lesion, measurement.regions.fat):
            digest.update(b"" if region is None else np.packbits(region.mask).tobytes())
    return digest.hexdigest()


def _groups(
    one: Acquisition, key: str
) -> Iterator[PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations]:
    measured = one.assessment.measurement
    depth = (codes.ROI_DEPTH, measured.lesion_depth_mm, codes.MILLIMETER)
    if measured.box is not None and measured.box_statistics is not None:
        kind = codes.MEASUREMENT_BOX if measured.box.automatic else codes.PLACED_BOX
        row, column = measured.box_center_in_image or (0.0, 0.0)
        values = _statistics(one, measured.box_statistics, measured.box_speed)
        region = _box(one, measured.box, (row, column))
        yield _region_group(one, key, "box", kind, region, [*values, _depth_of_row(one, row)])
    sizes = [
        (codes.DIAMETER, measured.lesion_length_mm, codes.MILLIMETER),
        (codes.AREA, measured.lesion_area_mm2, codes.SQUARE_MILLIMETER),
    ]
    lesion = _statistics(one, measured.lesion_statistics, measured.lesion_speed)
    outline = _outline(one, measured.regions.lesion)
    yield _region_group(one, key, "lesion", codes.MASS, outline, [*lesion, *map(_plain, [*sizes, depth])])
    if measured.regions.fat is not None and measured.fat_statistics is not None:
        fat = _statistics(one, measured.fat_statistics, None)
        yield _region_group(one, key, "fat", codes.FAT, _outline(one, measured.regions.fat), fat)
    found = [_plain(value) for value in _of_no_region(one)]
    if any(found):
        yield MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(one, key, "ratios"),
            source_images=[
                SourceImageForMeasurementGroup(
                    one.image.SOPClassUID, one.image.SOPInstanceUID, referenced_frame_numbers=one.frame_numbers
                )
            ],
            finding_type=codes.MASS,
            finding_sites=[_site(one)],
            algorithm_id=AlgorithmIdentification(name=MODEL, version=__version__),
            measurements=[value for value in found if value is not None],
        )


def _region_group(
    one: Acquisition, key: str, name: str, kind: Code, region: ImageRegion, values: Sequence[Measurement | None]
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(one, key, name),
        referenced_region=region,
        finding_type=kind,
        finding_sites=[_site(one)],
        algorithm_id=AlgorithmIdentification(name=MODEL, version=__version__),
        measurements=[value for value in values if value is not None],
    )


def _statistics(one: Acquisition, found: RegionStatistics, speed: RegionStatistics | None) -> list[Measurement | None]:
    """Elasticity and speed, with how they are derived; a map of strain has neither."""
    values: list[Measurement | None] = []
    if one.assessment.measurement.elastogram.unit == Unit.KILOPASCAL:
        for name, unit, statistics in (
            (codes.ELASTICITY, codes.KILOPASCAL, found),
            (codes.SHEAR_WAVE_SPEED, codes.METERS_PER_SECOND, speed),
        ):
            for attribute, derivation in _DERIVED if statistics is not None else ():
                values.append(_measurement(name, getattr(statistics, attribute), unit, derivation))
    values.append(_measurement(codes.WITHOUT_VALUE, 100 * found.void_share, codes.PERCENT))
    return values


def _of_no_region(one: Acquisition) -> list[tuple[Code, float | None, Code]]:
    measured, reading = one.assessment.measurement, one.reading
    return [
        (codes.STIFFNESS_RATIO, measured.stiffness_ratio, codes.RATIO),
        (codes.STRAIN_RATIO, measured.strain_ratio, codes.RATIO),
        (codes.SIZE_RATIO, reading.size_ratio, codes.RATIO),
        (codes.COLOR_SHARE_SCORE, reading.elasticity_score, codes.SCORE),
        (codes.TSUKUBA_SCORE, reading.tsukuba_score, codes.SCORE),
    ]


def _plain(value: tuple[Code, float | None, Code]) -> Measurement | None:
    return _measurement(*value)


def _measurement(name: Code, value: float | None, unit: Code, derivation: Code | None = None) -> Measurement | None:
    """Nothing where nothing was measured."""
    if value is None or not np.isfinite(value):
        return None
    shear_wave = name in (codes.ELASTICITY, codes.SHEAR_WAVE_SPEED)
    method = codes.SHEAR_WAVE_ELASTOGRAPHY if shear_wave else None
    return Measurement(name=name, value=round(float(value), 4), unit=unit, derivation=derivation, method=method)


def _box(one: Acquisition, box: PlacedBox, center: tuple[float, float]) -> ImageRegion:
    """The measurement box: a circle, or the four sides of its pixels."""
    spacing = one.assessment.measurement.elastogram.spacing_mm or (1.0, 1.0)
    half = np.array(box.size_mm) / 2 / np.array(spacing)
    if box.shape is BoxShape.CIRCLE:
        return _image_region(one, GraphicTypeValues.CIRCLE, np.array([center, (center[0], center[1] + half[1])]))
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]]) * half + np.array(center)
    return _image_region(one, GraphicTypeValues.POLYLINE, corners)


def _depth_of_row(one: Acquisition, row: float) -> Measurement | None:
    elastogram = one.assessment.measurement.elastogram
    if elastogram.panel is None or elastogram.spacing_mm is None:
        return None
    return _measurement(codes.ROI_DEPTH, (row - elastogram.panel.top) * elastogram.spacing_mm[0], codes.MILLIMETER)


def _outline(one: Acquisition, region: Region) -> ImageRegion:
    """The longest outline of a region, half a pixel around its pixels' centers."""
    inside = np.pad(region.mask, 1).astype(float)
    longest = max(find_contours(inside, 0.5), key=len)
    return _image_region(one, GraphicTypeValues.POLYLINE, longest - 1.0)


def _image_region(one: Acquisition, kind: GraphicTypeValues, places: NDArray[np.float64]) -> ImageRegion:
    """Places are rows and columns; in DICOM the center of the first pixel is 0.5, 0.5."""
    return ImageRegion(
        graphic_type=kind,
        graphic_data=np.round(places[:, ::-1] + 0.5, 3),
        source_image=SourceImageForRegion(
            one.image.SOPClassUID, one.image.SOPInstanceUID, referenced_frame_numbers=one.frame_numbers
        ),
    )


def _tracking(one: Acquisition, key: str, name: str) -> TrackingIdentifier:
    repeat = str(one.reading.repeat)
    return TrackingIdentifier(
        uid=stable_uid(key, "tracking", name, repeat), identifier=f"{one.reading.lesion}, {name}, acquisition {repeat}"
    )


def _site(one: Acquisition) -> FindingSite:
    side = str(one.image.get("ImageLaterality") or one.image.get("Laterality") or "")
    return FindingSite(codes.BREAST, laterality=codes.SIDE_OF.get(side))
