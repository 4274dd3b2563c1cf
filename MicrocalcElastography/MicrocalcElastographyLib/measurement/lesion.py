"""Everything measured on one lesion in one elastogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.parameters import check_range

from ..elastogram import TISSUE_DENSITY_KG_M3, Direction, Elastogram, Unit
from ..elastogram_volume import ElastogramVolume
from .block import Block, stiffest_block
from .ratios import Ratios
from .regions import Region, box_of, image_shape, middle_of, origin_px, ring_around, spacing_of
from .sizes import SizeRatio, longest_diameter_mm, size_ratio
from .statistics import RegionStatistics, region_statistics
from .stiffest import BoxShape, PlacedBox, box_at, centers_on, footprint, stiffest_box

_MOSTLY_VOID = 0.5  # share of a lesion without a value above which the rest of it is only a lower bound
_LITTLE_INSIDE = 0.5  # share of the box inside the outline below which it is worth a word


@dataclass(frozen=True)
class MeasurementParameters:
    """How a lesion is measured.

    Parameters
    ----------
    box_mm : float
        Side or diameter of the measurement box; 2 mm after Yan & Fang 2025 and Evans 2010.
    box_shape : BoxShape
        Square after Yan & Fang 2025; circle as most scanners draw it.
    rim_mm : float
        How far from the lesion the center of the box may lie, so that the stiff rim counts too (Berg 2012). A choice:
        half the box, so that it always touches the lesion.
    smallest_valid_share : float
        Share of the box's pixels that have to carry a value, above 0 to 1.
    smallest_lesion_share : float
        Share of the box (of the lesion where that is smaller) that has to be lesion with a value, 0 to 1: a stiff
        cancer can be void, and what lies around it must not stand for it. A choice. One such pixel is always needed.
    ring_mm : float
        Width of the peritumoral ring. A choice; no normative source is known.
    density_kg_m3 : float
        For maps in m/s.
    """

    box_mm: float = 2.0
    box_shape: BoxShape = BoxShape.SQUARE
    rim_mm: float = 1.0
    smallest_valid_share: float = 0.9
    smallest_lesion_share: float = 0.25
    ring_mm: float = 3.0
    density_kg_m3: float = TISSUE_DENSITY_KG_M3

    def __post_init__(self) -> None:
        check_range("box_mm", self.box_mm, 0.1, 20.0, "mm")
        check_range("rim_mm", self.rim_mm, 0.0, 20.0, "mm")
        check_range("smallest_valid_share", self.smallest_valid_share, 0.01, 1.0)
        check_range("smallest_lesion_share", self.smallest_lesion_share, 0.0, 1.0)
        check_range("ring_mm", self.ring_mm, 0.1, 30.0, "mm")


@dataclass(frozen=True)
class LesionRegions:
    """What the reader outlined.

    Parameters
    ----------
    lesion : Region
        Outline of the lesion, usually as seen on B-mode.
    fat : Region or None
        Fat at the same depth, the reference of the ratios.
    lesion_on_elastogram : Region or None
        Outline of the same lesion as seen on the elastogram, for the size ratio.
    calcification : Region or None
        Calcifications seen on B-mode; they are stiff themselves.
    skin, chest_wall : Region or None
        For the distances of the protocol; without skin the surface of the probe is taken.
    """

    lesion: Region
    fat: Region | None = None
    lesion_on_elastogram: Region | None = None
    calcification: Region | None = None
    skin: Region | None = None
    chest_wall: Region | None = None


@dataclass(frozen=True)
class LesionMeasurement:
    """The measurement of one lesion.

    Parameters
    ----------
    elastogram : Elastogram
        In kPa or strain; maps in m/s are converted pixel by pixel.
    regions : LesionRegions
    parameters : MeasurementParameters
    box : PlacedBox or None
        None when no position carries enough values.
    box_inside_share : float or None
        Share of the box that lies inside the outline of the lesion, 0 to 1.
    ring : Region
        The peritumoral ring.
    box_statistics, lesion_statistics, ring_statistics, fat_statistics : RegionStatistics or None
        That of the box is None too when a box placed by hand lies on too few lesion pixels with a value.
    box_speed, lesion_speed : RegionStatistics or None
        Shear-wave speed in m/s, computed pixel by pixel; None for strain.
    stiffness_ratio, stiffness_ratio_lesion : float or None
        Mean of the box (of the whole lesion) / mean of the fat, in kPa; None for strain.
    stiffness_ratio_interval : (float, float) or None
        95 % interval of the first of them.
    strain_ratio : float or None
        Strain in fat / strain in the lesion; None for kPa and m/s.
    sizes : SizeRatio or None
    lesion_length_mm, lesion_area_mm2 : float
    lesion_depth_mm : float or None
        Depth of the lesion's middle below the probe.
    block : Block or None
        The stiffest cube or sphere over the slices of a volume, beside the box in the slice that was measured.
    warnings : tuple of WarningRecord
        Of the elastogram and of the measurement.
    """

    elastogram: Elastogram
    regions: LesionRegions
    parameters: MeasurementParameters
    box: PlacedBox | None
    box_inside_share: float | None
    ring: Region
    box_statistics: RegionStatistics | None
    lesion_statistics: RegionStatistics
    ring_statistics: RegionStatistics | None
    fat_statistics: RegionStatistics | None
    box_speed: RegionStatistics | None
    lesion_speed: RegionStatistics | None
    stiffness_ratio: float | None
    stiffness_ratio_lesion: float | None
    strain_ratio: float | None
    sizes: SizeRatio | None
    lesion_length_mm: float
    lesion_area_mm2: float
    lesion_depth_mm: float | None
    stiffness_ratio_interval: tuple[float, float] | None = None
    block: Block | None = None
    warnings: tuple[WarningRecord, ...] = ()

    @property
    def measured(self) -> RegionStatistics | None:
        """What stands for the lesion: the box, for strain the whole lesion; None when it has no value."""
        found = self.lesion_statistics if self.elastogram.unit == Unit.STRAIN else self.box_statistics
        return found if found is not None and found.mean is not None else None

    @property
    def is_lower_bound(self) -> bool:
        """Whether the lesion may be stiffer than measured: pixels at the stiff end of the scale, or mostly void."""
        if self.measured is None:
            return False
        stiffer_is_higher = self.elastogram.direction is Direction.STIFFER_IS_HIGHER
        at_stiff_end = self.measured.saturated_high_share if stiffer_is_higher else self.measured.saturated_low_share
        return bool(at_stiff_end) or self.lesion_statistics.void_share > _MOSTLY_VOID

    @property
    def box_center_in_image(self) -> tuple[float, float] | None:
        """Row and column of the middle of the measurement box in the image, as `measure` takes it."""
        if self.box is None:
            return None
        top, left = box_of(self.elastogram)[:2]
        return self.box.center[0] + top, self.box.center[1] + left

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready record of every number and how it was obtained."""
        statistics = {
            "stiffest_box" if self.box is None or self.box.automatic else "box": self.box_statistics,
            "lesion": self.lesion_statistics,
            "ring": self.ring_statistics,
            "fat": self.fat_statistics,
            "box_speed": self.box_speed,
            "lesion_speed": self.lesion_speed,
        }
        drawn = {name: getattr(self.regions, name) for name in self.regions.__dataclass_fields__}
        return {
            "unit": str(self.elastogram.unit),
            "direction": str(self.elastogram.direction),
            "spacing_mm": self.elastogram.spacing_mm,
            "spacing_source": self.elastogram.spacing_source,
            "parameters": dict(vars(self.parameters)),
            "regions": {name: region.description if region else None for name, region in drawn.items()},
            "box": self.box
            and {
                "shape": str(self.box.shape),
                "size_mm": self.box.size_mm,
                "row": self.box.center[0],
                "column": self.box.center[1],
                "placed": "on the stiffest position" if self.box.automatic else "by hand",
                "inside_lesion_share": self.box_inside_share,
            },
            "box_over_slices": self.block and self.block.as_dict(),
            "statistics": {name: found.as_dict() if found else None for name, found in statistics.items()},
            "is_lower_bound": self.is_lower_bound,
            "stiffness_ratio": self.stiffness_ratio,
            "stiffness_ratio_interval": self.stiffness_ratio_interval,
            "stiffness_ratio_lesion": self.stiffness_ratio_lesion,
            "strain_ratio": self.strain_ratio,
            "size_ratio": dict(vars(self.sizes)) if self.sizes else None,
            "lesion_length_mm": self.lesion_length_mm,
            "lesion_area_mm2": self.lesion_area_mm2,
            "lesion_depth_mm": self.lesion_depth_mm,
            "quality_of_the_elastography_box": {
                **vars(self.elastogram.quality),
                "valid_fraction": self.elastogram.quality.valid_fraction,
            },
            "warnings": [dict(vars(warning)) for warning in self.warnings],
        }


def measure(
    elastogram: Elastogram,
    regions: LesionRegions,
    parameters: MeasurementParameters = MeasurementParameters(),
    box_center: tuple[float, float] | None = None,
    volume: ElastogramVolume | None = None,
) -> LesionMeasurement:
    """Measure a lesion.

    Parameters
    ----------
    elastogram : Elastogram
        With known pixel spacing.
    regions : LesionRegions
    parameters : MeasurementParameters
    box_center : (float, float) or None
        Row and column in the image of a box placed by hand; None places it on the stiffest position.
    volume : ElastogramVolume or None
        All slices, when the elastogram is one of several: the stiffest cube (sphere for a round box) over them is
        measured beside it. The lesion is taken to be as thick as it is long, with the same outline in all slices.

    Raises
    ------
    ParameterError
        When the spacing is unknown, or a region has another shape than the image, is empty, or is to be measured and
        lies wholly outside the elastography box.
    """
    if elastogram.unit == Unit.METERS_PER_SECOND:
        elastogram = elastogram.in_unit(Unit.KILOPASCAL, parameters.density_kg_m3)
    spacing = spacing_of(elastogram)
    _check_regions(elastogram, regions)
    warnings = list(elastogram.warnings)
    lesion = regions.lesion.in_box(elastogram)
    for name, region in (("lesion", regions.lesion), ("fat", regions.fat)):
        if region is not None:
            warnings += _check_inside(elastogram, name, region)

    placed = footprint(parameters.box_mm, parameters.box_shape, spacing)
    usable = centers_on(lesion & elastogram.valid, placed, parameters.smallest_lesion_share)
    if box_center is None:
        reached = regions.lesion.within_reach(spacing, parameters.rim_mm)
        near = reached[box_of(elastogram).slices] & usable
        box = stiffest_box(elastogram, near, parameters.box_mm, parameters.box_shape, parameters.smallest_valid_share)
    else:
        top, left = box_of(elastogram)[:2]
        place = (box_center[0] - top, box_center[1] - left)
        box = box_at(elastogram, place, parameters.box_mm, parameters.box_shape)
    has_value = box is not None and bool(usable[box.center_pixel])
    inside = float(np.count_nonzero(box.mask & lesion) / np.count_nonzero(box.mask)) if box else None
    warnings += _box_warnings(has_value, inside, int(lesion.sum()), int(placed.sum()), parameters)
    statistics = region_statistics(elastogram, lesion)
    if statistics.void_share > _MOSTLY_VOID and statistics.valid_pixels:
        warnings.append(
            WarningRecord(
                "lesion-mostly-void",
                f"{statistics.void_share:.0%} of the lesion carries no value; a stiff cancer can be void, so what was "
                "measured on the rest is a lower bound.",
            )
        )
    box_statistics = region_statistics(elastogram, box.mask) if box and has_value else None
    fat_statistics = region_statistics(elastogram, regions.fat.in_box(elastogram)) if regions.fat else None
    ring = ring_around(elastogram, regions.lesion, parameters.ring_mm)
    ring_in_box = ring.in_box(elastogram)
    ratios = Ratios(elastogram, box_statistics, statistics, fat_statistics)
    speeds = None
    if elastogram.unit == Unit.KILOPASCAL:
        speeds = elastogram.in_unit(Unit.METERS_PER_SECOND, parameters.density_kg_m3)
    length_mm = longest_diameter_mm(regions.lesion.mask, spacing)
    block = None
    if volume is not None:
        block = stiffest_block(
            volume.in_kpa(parameters.density_kg_m3),
            lesion,
            (length_mm / 2.0, parameters.rim_mm),
            parameters.box_mm,
            parameters.box_shape,
            (parameters.smallest_valid_share, parameters.smallest_lesion_share),
        )
        warnings.append(_about_slices(block, parameters))
    middle_row, _ = middle_of(regions.lesion.mask)
    on_elastogram = regions.lesion_on_elastogram
    return LesionMeasurement(
        elastogram=elastogram,
        regions=regions,
        parameters=parameters,
        box=box,
        box_inside_share=inside,
        ring=ring,
        box_statistics=box_statistics,
        lesion_statistics=statistics,
        ring_statistics=region_statistics(elastogram, ring_in_box) if ring_in_box.any() else None,
        fat_statistics=fat_statistics,
        box_speed=region_statistics(speeds, box.mask) if speeds and box and has_value else None,
        lesion_speed=region_statistics(speeds, lesion) if speeds else None,
        stiffness_ratio=ratios.stiffness_ratio(box_statistics),
        stiffness_ratio_lesion=ratios.stiffness_ratio(statistics),
        stiffness_ratio_interval=ratios.stiffness_ratio_interval(box_statistics),
        strain_ratio=ratios.strain_ratio(),
        sizes=size_ratio(on_elastogram.mask, regions.lesion.mask, spacing) if on_elastogram else None,
        lesion_length_mm=length_mm,
        lesion_area_mm2=float(np.count_nonzero(regions.lesion.mask)) * spacing[0] * spacing[1],
        lesion_depth_mm=None if elastogram.panel is None else (middle_row - origin_px(elastogram)[0]) * spacing[0],
        block=block,
        warnings=(*warnings, *ratios.warnings),
    )


def _about_slices(block: Block | None, parameters: MeasurementParameters) -> WarningRecord:
    """Which slices a box over several was looked for in, or why there is none."""
    if block is None:
        return WarningRecord(
            "no-box-over-slices",
            f"Over the slices no box of {parameters.box_mm:g} mm carries enough values on the lesion, or the slices "
            "are farther apart than it is large; only one slice was measured.",
        )
    first, last = block.searched
    return WarningRecord(
        "outline-in-all-slices",
        f"The stiffest {block.solid} was looked for in slices {first} to {last}, with the outline of the measured "
        "slice: the lesion was taken to be as thick as it is long.",
    )


def _box_warnings(
    has_value: bool, inside: float | None, lesion_px: int, box_px: int, parameters: MeasurementParameters
) -> list[WarningRecord]:
    """What has to be said about the measurement box: no value, or little of it on the lesion."""
    if not has_value:
        where = (
            f"Nowhere on the lesion and its rim does a box of {parameters.box_mm:g} mm carry values in "
            f"{parameters.smallest_valid_share:.0%} of its pixels and hold"
            if inside is None
            else "The box placed by hand does not hold"
        )
        return [
            WarningRecord(
                "no-measurement-box",
                f"No value: void. {where} {parameters.smallest_lesion_share:.0%} of lesion with a value; a stiff "
                "cancer can be void, so void is no sign of softness.",
            )
        ]
    if lesion_px < box_px:
        return [
            WarningRecord(
                "lesion-smaller-than-box",
                f"The lesion is smaller than the measurement box; only {inside:.0%} of the box lies inside it, so its "
                "surroundings are measured with it.",
            )
        ]
    if inside is not None and inside < _LITTLE_INSIDE:
        return [
            WarningRecord(
                "box-mostly-outside-lesion",
                f"Only {inside:.0%} of the measurement box lies inside the outline of the lesion; the rest is its rim.",
            )
        ]
    return []


def _check_regions(elastogram: Elastogram, regions: LesionRegions) -> None:
    for name in regions.__dataclass_fields__:
        region = getattr(regions, name)
        if region is not None and (region.mask.shape != image_shape(elastogram) or not region.mask.any()):
            raise ParameterError(
                f"The {name.replace('_', ' ')} region is empty or does not fit the image; draw it again."
            )


def _check_inside(elastogram: Elastogram, name: str, region: Region) -> list[WarningRecord]:
    outside = region.outside_share(elastogram)
    if outside == 1.0:
        box = box_of(elastogram)
        raise ParameterError(
            f"The {name} region lies outside the elastography box, which spans x {box.left} to {box.right - 1} and "
            f"y {box.top} to {box.bottom - 1} (pixels of the image)."
        )
    if outside > 0.0:
        return [
            WarningRecord(
                f"{name}-outside-box",
                f"{outside:.0%} of the {name} region lies outside the elastography box and was not measured.",
            )
        ]
    return []
