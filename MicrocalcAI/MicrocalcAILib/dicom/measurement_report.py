"""A measurement report (Comprehensive SR, PS3.16 TID 1500) for those who do not read mammography CAD documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code

from .. import __version__
from . import codes
from .composite import MANUFACTURER, MODEL, finish, series, series_uid
from .outlines import outline_of_cluster
from .source import SourceImage, stable_uid

_OF_LIBRARY = ("PatientOrientation", "ImagerPixelSpacing")  # what highdicom's image library asks for; films lack it
_PROCEDURE = Code("71651007", "SCT", "Mammography")


def measurement_report(sources: Sequence[SourceImage]) -> Dataset:
    """Per cluster: hull, tracking UID, words, count, area, extent, certainty and probability of cancer by the words.

    Parameters
    ----------
    sources : sequence of SourceImage
        Images of one patient and study, at least one of them with a cluster.
    """
    observer = ObserverContext(
        observer_type=dictionary.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=stable_uid(MODEL, __version__), name=MODEL, manufacturer_name=MANUFACTURER
        ),
    )
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[group for source in sources for group in _groups(source)],
        title=dictionary.DCM.ImagingMeasurementReport,
        referenced_images=[source.dataset for source in sources if all(map(source.dataset.get, _OF_LIBRARY))] or None,
    )
    number, description = series("report")
    made = ComprehensiveSR(
        evidence=[source.dataset for source in sources],
        content=report,
        series_instance_uid=series_uid(sources, "report"),
        series_number=number,
        sop_instance_uid=sources[0].uid("report", *(source.key for source in sources[1:])),
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description=description,
        is_complete=True,
    )
    made.ManufacturerModelName, made.SoftwareVersions = MODEL, __version__
    made.DeviceSerialNumber = "0"
    finish(made, sources[0])
    return made


def _groups(source: SourceImage) -> list[PlanarROIMeasurementsAndQualitativeEvaluations]:
    by_cluster = source.analysis.calcifications.groupby("cluster_id")
    return [
        _group(source, cluster, by_cluster.get_group(cluster["id"]))
        for _, cluster in source.analysis.clusters.iterrows()
    ]


def _group(
    source: SourceImage, cluster: pd.Series, members: pd.DataFrame
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    hull = outline_of_cluster(members)[:, ::-1] + 0.5
    site = FindingSite(codes.BREAST, laterality=codes.SIDE_OF.get(source.laterality))
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=source.uid("tracking", "cluster", str(cluster["id"])), identifier=str(cluster["name"])
        ),
        referenced_region=ImageRegion(
            graphic_type=GraphicTypeValues.POLYLINE,
            graphic_data=hull,
            source_image=SourceImageForRegion(source.dataset.SOPClassUID, source.dataset.SOPInstanceUID),
        ),
        finding_type=codes.CLUSTER,
        algorithm_id=AlgorithmIdentification(name=MODEL, version=__version__),
        finding_sites=[site],
        measurements=[
            Measurement(name=name, value=float(value), unit=unit)
            for name, value, unit in (
                (codes.NUMBER_OF_CALCIFICATIONS, cluster["count"], codes.ONE),
                (codes.AREA, cluster["area_mm2"], codes.SQUARE_MILLIMETER),
                (codes.DIAMETER, cluster["extent_mm"], codes.MILLIMETER),
                (codes.CERTAINTY, 100 * cluster["mean_probability"], codes.PERCENT),
                (codes.PROBABILITY_OF_CANCER, 100 * cluster.get("descriptor_risk", np.nan), codes.PERCENT),
            )
            if np.isfinite(float(value))
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(name=name, value=codes.of_word(kind, cluster[kind]))
            for kind, name in (
                ("morphology", codes.CALCIFICATION_TYPE),
                ("distribution", codes.CALCIFICATION_DISTRIBUTION),
            )
            if isinstance(cluster.get(kind), str) and cluster[kind]
        ],
    )
