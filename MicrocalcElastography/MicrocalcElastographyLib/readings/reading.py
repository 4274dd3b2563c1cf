"""One reading, and the published cut-offs it may be laid beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from ..cohort.columns import Variable
from ..cohort.quantities import recognize
from ..cohort.reference_cutoffs import load_reference_cutoffs
from ..descriptors import CYST_LAYERS, ELASTICITY, STIFF_RIM, Descriptor
from ..elastogram import Unit
from ..measurement import LesionMeasurement
from ..protocol import Check, Status
from ..scoring import COLOR_SHARE, TSUKUBA, Score

AT_LEAST = ">="
KEY_COLUMNS = ("lesion", "reader", "repeat")


@dataclass(frozen=True)
class Reading:
    """What one reader measured in one acquisition of one lesion. None where nothing was measured.

    Parameters
    ----------
    lesion : str
        Name of the lesion, no patient data.
    reader : str
        ``consensus`` for the third, agreed reading.
    repeat : int
        Number of the acquisition, from 1.
    patient, outcome : str
        Pseudonym; ``malignant`` or ``benign`` once it is known.
    elasticity_mean_kpa, elasticity_max_kpa, elasticity_min_kpa, elasticity_sd_kpa : float or None
        Of the measurement box. A strain map has none.
    stiffness_ratio, strain_ratio : float or None
    size_ratio : float or None
        Longest diameter on the elastogram / on B-mode.
    elasticity_score, tsukuba_score : int or None
        By colors (Yan & Fang 2025) and after Itoh 2006.
    lesion_size_mm, depth_mm : float or None
        Longest diameter; depth of the middle below the probe.
    void_percent : float or None
        Share of the lesion without a value.
    saturated_percent : float or None
        Share of the values (of the box, for strain of the lesion) at an end of the scale.
    roi_inside_percent : float or None
        Share of the measurement box inside the outline of the lesion.
    mean_interval_low_kpa, mean_interval_high_kpa : float or None
        95 % interval of the mean elasticity, from what reading it off the screen leaves uncertain.
    ratio_interval_low, ratio_interval_high : float or None
        95 % interval of the stiffness ratio.
    box_speed_mean_m_s, box_speed_max_m_s : float or None
        Shear-wave speed in the measurement box, pixel by pixel with E = 3 ρ c². A strain map has none.
    volume_box_mean_kpa, volume_box_max_kpa : float or None
        Of the stiffest cube or sphere over the slices of a volume. A strain map has none.
    elasticity_assessment, stiff_rim, cyst_layers : str
        Words of `descriptors`; empty when they cannot be told.
    bound : str
        ``>=`` when the lesion may be stiffer than measured (values at the stiff end of the scale, or mostly void):
        then elasticity and ratios are lower bounds. Empty otherwise.
    frame : str
        Frame or slice of a file that has several, in words.
    profile : str
        Name of the profile of the scanner that was applied.
    warnings : str
        Codes of the warnings of reading, measurement and scores, separated by blanks.
    protocol_warnings : str
        Codes of the checks that did not pass, separated by blanks.
    """

    lesion: str
    reader: str = ""
    repeat: int = 1
    patient: str = ""
    outcome: str = ""
    elasticity_mean_kpa: float | None = None
    elasticity_max_kpa: float | None = None
    elasticity_min_kpa: float | None = None
    elasticity_sd_kpa: float | None = None
    stiffness_ratio: float | None = None
    strain_ratio: float | None = None
    size_ratio: float | None = None
    elasticity_score: int | None = None
    tsukuba_score: int | None = None
    lesion_size_mm: float | None = None
    depth_mm: float | None = None
    void_percent: float | None = None
    saturated_percent: float | None = None
    roi_inside_percent: float | None = None
    mean_interval_low_kpa: float | None = None
    mean_interval_high_kpa: float | None = None
    ratio_interval_low: float | None = None
    ratio_interval_high: float | None = None
    box_speed_mean_m_s: float | None = None
    box_speed_max_m_s: float | None = None
    volume_box_mean_kpa: float | None = None
    volume_box_max_kpa: float | None = None
    elasticity_assessment: str = ""
    stiff_rim: str = ""
    cyst_layers: str = ""
    bound: str = ""
    frame: str = ""
    profile: str = ""
    warnings: str = ""
    protocol_warnings: str = ""

    def __post_init__(self) -> None:
        if not self.lesion.strip():
            raise ParameterError("A reading needs the name of its lesion.")
        if self.repeat < 1:
            raise ParameterError("Repeats are counted from 1.")


LOW_ENDS = ("mean_interval_low_kpa", "ratio_interval_low")
HIGH_ENDS = ("mean_interval_high_kpa", "ratio_interval_high")
SPEED_COLUMNS = ("box_speed_mean_m_s", "box_speed_max_m_s")
VOLUME_COLUMNS = ("volume_box_mean_kpa", "volume_box_max_kpa")
QUALITY_COLUMNS = ("saturated_percent", "roi_inside_percent", *LOW_ENDS, *HIGH_ENDS, *SPEED_COLUMNS, *VOLUME_COLUMNS)
"""Shares and intervals that tell how far a value can be trusted, the same value in m/s and that over several slices; a
table may lack them."""
WORD_COLUMNS = ("elasticity_assessment", "stiff_rim", "cyst_layers")
TEXT_COLUMNS = (*WORD_COLUMNS, "bound", "frame", "profile", "warnings", "protocol_warnings")
QUANTITY_COLUMNS = tuple(
    field.name
    for field in fields(Reading)
    if field.name not in (*KEY_COLUMNS, "patient", "outcome", *QUALITY_COLUMNS, *TEXT_COLUMNS)
)
VALUE_COLUMNS = ("elasticity_mean_kpa", "strain_ratio", "elasticity_score", "tsukuba_score")
"""A reading with none of these measured nothing."""


def reading_of(
    measurement: LesionMeasurement,
    scores: Sequence[Score],
    checks: Sequence[Check],
    lesion: str,
    reader: str = "",
    repeat: int = 1,
    patient: str = "",
    outcome: str = "",
    warnings: Sequence[WarningRecord] = (),
    descriptors: Sequence[Descriptor] = (),
) -> Reading:
    """The row of a measurement: its box in kPa and m/s, ratios, scores, words, size, depth, void, doubts."""
    box = measurement.box_statistics if measurement.elastogram.unit == Unit.KILOPASCAL else None
    speed = measurement.box_speed
    block = measurement.block if measurement.elastogram.unit == Unit.KILOPASCAL else None
    word_of = {descriptor.name: descriptor.value or "" for descriptor in descriptors}
    value_of = {score.definition: score.value for score in scores}
    return Reading(
        lesion=lesion,
        reader=reader,
        repeat=repeat,
        patient=patient,
        outcome=outcome,
        elasticity_mean_kpa=box.mean if box else None,
        elasticity_max_kpa=box.maximum if box else None,
        elasticity_min_kpa=box.minimum if box else None,
        elasticity_sd_kpa=box.standard_deviation if box else None,
        stiffness_ratio=measurement.stiffness_ratio,
        strain_ratio=measurement.strain_ratio,
        size_ratio=measurement.sizes.length if measurement.sizes else None,
        elasticity_score=value_of.get(COLOR_SHARE),
        tsukuba_score=value_of.get(TSUKUBA),
        lesion_size_mm=measurement.lesion_length_mm,
        depth_mm=measurement.lesion_depth_mm,
        void_percent=100.0 * measurement.lesion_statistics.void_share,
        saturated_percent=_percent(measurement.measured.saturated_share if measurement.measured else None),
        roi_inside_percent=_percent(measurement.box_inside_share),
        mean_interval_low_kpa=_end(box.mean_interval if box else None, 0),
        mean_interval_high_kpa=_end(box.mean_interval if box else None, 1),
        ratio_interval_low=_end(measurement.stiffness_ratio_interval, 0),
        ratio_interval_high=_end(measurement.stiffness_ratio_interval, 1),
        box_speed_mean_m_s=speed.mean if speed else None,
        box_speed_max_m_s=speed.maximum if speed else None,
        volume_box_mean_kpa=block.mean if block else None,
        volume_box_max_kpa=block.maximum if block else None,
        elasticity_assessment=word_of.get(ELASTICITY, ""),
        stiff_rim=word_of.get(STIFF_RIM, ""),
        cyst_layers=word_of.get(CYST_LAYERS, ""),
        bound=AT_LEAST if measurement.is_lower_bound else "",
        frame=measurement.elastogram.place_in_file,
        profile=measurement.elastogram.profile,
        warnings=" ".join(dict.fromkeys(warning.code for warning in warnings)),
        protocol_warnings=" ".join(check.code for check in checks if check.status is Status.WARN),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _end(interval: tuple[float, float] | None, end: int) -> float | None:
    return None if interval is None else interval[end]


def references_beside(reading: Reading, cutoffs: Path | None = None) -> list[dict[str, Any]]:
    """Published cut-offs beside the measured values they may be compared with. References, never a verdict.

    Parameters
    ----------
    reading : Reading
    cutoffs : Path or None
        An edited list of cut-offs; None takes the one that comes with the module.

    Returns
    -------
    list of dict
        ``quantity``, ``measured``, ``cutoff``, ``unit``, ``name``, ``statistic``, ``population``, ``source``,
        ``caution``.
    """
    found = []
    for name in QUANTITY_COLUMNS:
        measured, variable = getattr(reading, name), variable_of(name)
        if measured is None:
            continue
        for cutoff in load_reference_cutoffs(cutoffs):
            if variable.key in cutoff.quantities:
                found.append(
                    {
                        "quantity": name,
                        "measured": measured,
                        "cutoff": cutoff.value,
                        "unit": cutoff.unit,
                        "name": cutoff.name,
                        "statistic": cutoff.statistic,
                        "population": cutoff.population,
                        "source": cutoff.source,
                        "caution": cutoff.caution,
                    }
                )
    return found


def variable_of(name: str) -> Variable:
    """What the cohort statistics know of a column."""
    quantity = recognize(name)
    assert quantity is not None, name  # a test keeps the columns recognizable
    return Variable(name, quantity.label, quantity.unit, quantity.kind, quantity.is_parameter, quantity.key)
