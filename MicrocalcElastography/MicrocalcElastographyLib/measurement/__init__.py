"""Measuring an elastogram: regions, their statistics, the stiffest box, ratios to fat and sizes."""

from .block import Block
from .lesion import LesionMeasurement, LesionRegions, MeasurementParameters, measure
from .regions import Region, ellipse_region, label_region, parse_region, polygon_region
from .sizes import SizeRatio, longest_diameter_mm, size_ratio
from .statistics import RegionStatistics, region_statistics
from .stiffest import BoxShape, PlacedBox, box_at, stiffest_box

__all__ = [
    "Block",
    "BoxShape",
    "LesionMeasurement",
    "LesionRegions",
    "MeasurementParameters",
    "PlacedBox",
    "Region",
    "RegionStatistics",
    "SizeRatio",
    "box_at",
    "ellipse_region",
    "label_region",
    "longest_diameter_mm",
    "measure",
    "parse_region",
    "polygon_region",
    "region_statistics",
    "size_ratio",
    "stiffest_box",
]
