"""An Assessment as MRML nodes: a table of numbers, a table of the protocol, and what was measured, outlined."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcSlicerShared.nodes import fillTable, groupUnder, noOrphanedDisplays, nothingLeftBehind

from . import views
from .elastogramnodes import referenceOf, shownVolumes
from .nodes import ownedNode, recall, referred, remember

if TYPE_CHECKING:  # scipy need not be installed yet
    from MicrocalcElastographyLib.assessment import Assessment
    from MicrocalcElastographyLib.measurement import RegionStatistics

_MEASUREMENT, _PROTOCOL, _BOX = "MeasurementTable", "ProtocolTable", "BoxSegmentation"
_RECORD, _WARNINGS = "Assessment", "Warnings"
# Segments with other IDs are the user's.
_BOX_ID, _LESION_ID, _FAT_ID = "MicrocalcMeasurementBox", "MicrocalcMeasuredLesion", "MicrocalcMeasuredFat"
_COLORS = {_BOX_ID: (1.0, 0.31, 0.85), _LESION_ID: (1.0, 1.0, 1.0), _FAT_ID: (1.0, 0.88, 0.3)}

_PRINTED = "printed on the screen"
_ENDS = ("lower end", "upper end")
_STATISTICS = {
    "mean": "mean",
    "maximum": "maximum",
    "minimum": "minimum",
    "standard_deviation": "SD",
    "median": "median",
    "interquartile_range": "interquartile range",
}


@dataclasses.dataclass(frozen=True)
class MeasurementNodes:
    """The nodes that show one measurement, and the warnings that belong to it."""

    measurementTableNode: object
    protocolTableNode: object
    boxSegmentationNode: object
    warnings: tuple[WarningRecord, ...]


def findMeasurement(valueNode) -> MeasurementNodes | None:
    """The measurement shown for an elastogram, or None. Works after a scene was saved and loaded."""
    nodes = [referred(valueNode, role) for role in (_MEASUREMENT, _PROTOCOL, _BOX)]
    if None in nodes:
        return None
    return MeasurementNodes(*nodes, tuple(WarningRecord(**record) for record in recall(nodes[0], _WARNINGS)))


def showAssessment(assessment: Assessment, valueNode) -> MeasurementNodes:
    """Show what was measured in an elastogram; what an earlier measurement of it showed is replaced in place."""
    measurement, protocol = measurementTable(assessment), protocolTable(assessment)
    warnings = tuple(dict.fromkeys(assessment.warnings))
    name = valueNode.GetName()
    with nothingLeftBehind() as created:
        measurementNode = ownedNode(valueNode, _MEASUREMENT, "vtkMRMLTableNode", f"{name} measurement", created)
        protocolNode = ownedNode(valueNode, _PROTOCOL, "vtkMRMLTableNode", f"{name} protocol", created)
        boxNode = ownedNode(valueNode, _BOX, "vtkMRMLSegmentationNode", f"{name} measurement box", created)
        fillTable(measurementNode, measurement)
        fillTable(protocolNode, protocol)
        _outline(boxNode, assessment, valueNode)
        remember(measurementNode, _RECORD, assessment.as_dict())
        remember(measurementNode, _WARNINGS, [dataclasses.asdict(warning) for warning in warnings])
    groupUnder(referenceOf(valueNode)[0], (measurementNode, protocolNode, boxNode))
    return MeasurementNodes(measurementNode, protocolNode, boxNode, warnings)


def measurementTable(assessment: Assessment) -> dict[str, np.ndarray]:
    """Columns ``region``, ``quantity``, ``value`` (number, NaN where there is none), ``unit``, ``remark``."""
    measurement = assessment.measurement
    unit, box = str(measurement.elastogram.unit), "measurement box"
    rows = _statistics(box, measurement.box_statistics, unit)
    rows += [
        ("ratios", "stiffness ratio", measurement.stiffness_ratio, "", "measurement box / fat"),
        *_intervals("ratios", "stiffness ratio", measurement.stiffness_ratio_interval, ""),
        ("ratios", "stiffness ratio of the lesion", measurement.stiffness_ratio_lesion, "", "whole lesion / fat"),
        ("ratios", "strain ratio", measurement.strain_ratio, "", "strain in fat / strain in the lesion"),
    ]
    if (block := measurement.block) is not None:
        rows += [
            ("box over the slices", title, getattr(block, key), unit, block.words)
            for key, title in (("mean", "mean"), ("maximum", "maximum"))
        ]
    if measurement.sizes is not None:
        rows += [
            ("E/B size ratio", "length", measurement.sizes.length, "", "elastogram / B-mode"),
            ("E/B size ratio", "area", measurement.sizes.area, "", "elastogram / B-mode"),
        ]
    rows += [
        (_PRINTED, record["quantity"], record["printed"], record["unit"],
         f"measured here {record['measured']:.4g} {record['unit']}".rstrip())
        for record in measurement.elastogram.source.get("printed_on_the_screen") or []
    ]  # fmt: skip
    # A score that does not exist is a row, too: its remark says why.
    rows += [
        ("scores", score.definition, float("nan") if score.value is None else score.value, "", score.reason)
        for score in assessment.scores
    ]
    rows += [
        ("words", descriptor.name, float("nan"), "", f"{descriptor.value or 'cannot tell'}: {descriptor.reason}")
        for descriptor in assessment.descriptors
    ]
    for region, found in (
        ("lesion", measurement.lesion_statistics),
        ("surrounding ring", measurement.ring_statistics),
        ("fat", measurement.fat_statistics),
    ):
        rows += _statistics(region, found, unit)
    for region, found in ((box, measurement.box_speed), ("lesion", measurement.lesion_speed)):
        if found is not None:
            rows += [
                (region, f"{_STATISTICS[key]} shear-wave speed", getattr(found, key), "m/s", "")
                for key in ("mean", "maximum", "minimum", "standard_deviation")
            ]
    rows += [
        ("lesion", "longest diameter", measurement.lesion_length_mm, "mm", ""),
        ("lesion", "area", measurement.lesion_area_mm2, "mm²", ""),
        ("lesion", "depth", measurement.lesion_depth_mm, "mm", "middle of the lesion below the probe"),
    ]
    for score in assessment.scores:
        rows.append((score.definition, "counts as stiff beyond", score.stiff_beyond, score.unit, ""))
        rows += [
            (score.definition, f"share {key.replace('_', ' ')}", 100.0 * share, "%", "")
            for key, share in score.shares.items()
        ]
    columns = zip(*(row for row in rows if row[2] is not None), strict=True)
    return dict(zip(("region", "quantity", "value", "unit", "remark"), map(np.array, columns), strict=True))


def _statistics(region: str, found: RegionStatistics | None, unit: str) -> list[tuple]:
    if found is None:
        return []
    saturated = None if found.saturated_share is None else 100.0 * found.saturated_share
    return [
        *((region, title, getattr(found, key), unit, "") for key, title in _STATISTICS.items()),
        *_intervals(region, "mean", found.mean_interval, unit),
        *_intervals(region, "maximum", found.maximum_interval, unit),
        (region, "without a value", 100.0 * found.void_share, "%", "void is not soft"),
        (region, "at an end of the scale", saturated, "%", ""),
    ]


def _intervals(region: str, of: str, interval: tuple[float, float] | None, unit: str) -> list[tuple]:
    """Both ends of a 95 % interval, from what reading the colors off the screen leaves uncertain."""
    if interval is None:
        return []
    remark = "opacity, bins and ends of the bar, noise"
    return [
        (region, f"95 % {end} of the {of}", value, unit, remark) for end, value in zip(_ENDS, interval, strict=True)
    ]


def protocolTable(assessment: Assessment) -> dict[str, np.ndarray]:
    """Columns ``rule``, ``status`` (pass, warn, cannot tell), ``measured`` (with unit), ``limit``, ``message``."""
    checks = assessment.checks
    return {
        "rule": np.array([check.title for check in checks]),
        "status": np.array([str(check.status) for check in checks]),
        "measured": np.array(
            ["-" if check.measured is None else f"{check.measured:.3g} {check.unit}".strip() for check in checks]
        ),
        "limit": np.array([check.limit for check in checks]),
        "message": np.array([check.message for check in checks]),
    }


def _outline(segmentationNode, assessment: Assessment, valueNode) -> None:
    """Outline the measurement box, and the parts of lesion and fat that carry the numbers."""
    if segmentationNode.GetDisplayNode() is None:
        segmentationNode.CreateDefaultDisplayNodes()
        segmentationNode.GetDisplayNode().SetOpacity2DFill(0.0)
    views.showOnlySideBySide(segmentationNode, shownVolumes(valueNode))
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(valueNode)
    segmentationNode.SetAndObserveTransformNodeID(valueNode.GetTransformNodeID())
    segmentation = segmentationNode.GetSegmentation()
    for identifier in _COLORS:
        if segmentation.GetSegment(identifier) is not None:
            segmentation.RemoveSegment(identifier)
    for identifier, (name, mask) in _outlined(assessment).items():
        segmentation.AddEmptySegment(identifier, name, _COLORS[identifier])
        with noOrphanedDisplays():
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                mask.astype(np.uint8)[np.newaxis], segmentationNode, identifier, valueNode
            )


def _outlined(assessment: Assessment) -> dict[str, tuple[str, np.ndarray]]:
    """Name and pixels in the elastography box of what is outlined, by the ID of its segment."""
    measurement = assessment.measurement
    elastogram, regions, box = measurement.elastogram, measurement.regions, measurement.box
    found = {}
    if box is not None:
        placed = "stiffest" if box.automatic else "placed"
        found[_BOX_ID] = (f"{placed} {measurement.parameters.box_mm:g} mm box", box.mask)
    found[_LESION_ID] = ("lesion as measured", regions.lesion.in_box(elastogram))
    if regions.fat is not None:
        found[_FAT_ID] = ("fat as measured", regions.fat.in_box(elastogram))
    return found
