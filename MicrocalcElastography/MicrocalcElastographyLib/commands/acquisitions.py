"""The acquisitions of one lesion, measured and written as the options of a command say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .options import calibration_of, check_profile, spacing_of

if TYPE_CHECKING:
    from ..assessment import Assessment, AssessmentParameters
    from ..elastogram import Elastogram
    from ..elastogram_volume import ElastogramVolume
    from ..measurement import LesionRegions
    from ..reading import ValueMeaning
    from ..readings import Reading


@dataclass(frozen=True)
class Measured:
    """The acquisitions of a lesion: what was measured in each, its row, published cut-offs beside it, and repeats."""

    assessments: list[Assessment]
    readings: list[Reading]
    references: list[list[dict[str, Any]]]
    parameters: AssessmentParameters

    def repeated(self) -> list[tuple[str, str, list[float]]]:
        """Column, words and values of the quantities that were measured at least once."""
        quantities = (("elasticity_mean_kpa", "mean elasticity"), ("strain_ratio", "the strain ratio"))
        found = [(name, words, [getattr(reading, name) for reading in self.readings]) for name, words in quantities]
        known = [(name, words, [value for value in values if value is not None]) for name, words, values in found]
        return [entry for entry in known if entry[2]]

    def printed(self) -> list[dict[str, Any]]:
        """What the scanner printed on each screen beside what is measured there: a row per acquisition and quantity."""
        return [
            {"acquisition": reading.repeat, **record}
            for assessment, reading in zip(self.assessments, self.readings, strict=True)
            for record in assessment.measurement.elastogram.source.get("printed_on_the_screen") or []
        ]

    def repeat_checks(self) -> dict[str, Any]:
        """Checks of the repeats of each quantity."""
        from ..protocol import check_repeats

        return {name: check_repeats(values, words, self.parameters.protocol) for name, words, values in self.repeated()}


def measure(arguments: argparse.Namespace) -> Measured:
    """Measure the files of one lesion; nothing is written."""
    from ..assessment import assess
    from ..readings import reading_of, references_beside

    parameters = _parameters(arguments)
    assessments, readings = [], []
    for number, path in enumerate(arguments.files):
        elastogram = read(path, arguments, arguments.frame)
        regions = _regions(elastogram, arguments, number)
        center = _box_center(elastogram, arguments, number)
        elastogram, volume = _with_slices(path, elastogram, arguments)
        assessment = assess(
            elastogram, regions, parameters, center, arguments.precompression, arguments.confirmed, volume
        )
        assessments.append(assessment)
        readings.append(
            reading_of(
                assessment.measurement,
                assessment.scores,
                assessment.checks,
                lesion=arguments.name,
                reader=arguments.reader,
                repeat=arguments.first_repeat + number,
                patient=arguments.patient,
                outcome=arguments.outcome,
                warnings=assessment.warnings,
                descriptors=assessment.descriptors,
            )
        )
    references = [references_beside(reading, arguments.cutoffs) for reading in readings]
    return Measured(assessments, readings, references, parameters)


def write(measured: Measured, folder: Path) -> None:
    """Write pictures, maps of values, ``readings.csv``, ``measurement.json``, and ``printed.csv`` where any was."""
    from dataclasses import asdict

    import pandas as pd

    from MicrocalcAILib.base.provenance import provenance

    from ..protocol import repeat_spread
    from ..readings import table_of, write_readings, write_table
    from ..results import write_assessment, write_record

    acquisitions = []
    for assessment, reading, beside in zip(measured.assessments, measured.readings, measured.references, strict=True):
        name = f"acquisition_{reading.repeat}"
        write_assessment(assessment, folder, name, title(reading), beside)
        acquisitions.append(
            {
                "name": name,
                "reading": asdict(reading),
                "source": assessment.measurement.elastogram.source,
                **assessment.as_dict(),
                "references": beside,
            }
        )
    write_readings(table_of(measured.readings), folder / "readings.csv")
    if printed := measured.printed():
        write_table(pd.DataFrame(printed), folder / "printed.csv")
    checks = measured.repeat_checks()
    record = {
        "acquisitions": acquisitions,
        "repeats": {name: asdict(repeat_spread(values)) for name, _, values in measured.repeated()},
        "repeat_checks": {name: [check.as_dict() for check in found] for name, found in checks.items()},
    }
    write_record(provenance(**record), folder / "measurement.json")


def _parameters(arguments: argparse.Namespace) -> AssessmentParameters:
    from ..assessment import AssessmentParameters
    from ..measurement import BoxShape

    file = arguments.parameters
    parameters = AssessmentParameters.from_file(file) if file else AssessmentParameters()
    changes: dict[str, Any] = {}
    if arguments.box_mm is not None:
        changes["box_mm"] = arguments.box_mm
    if arguments.circle:
        changes["box_shape"] = BoxShape.CIRCLE
    return replace(parameters, measurement=replace(parameters.measurement, **changes))


def read(path: Path, arguments: argparse.Namespace, frame: int | None) -> Elastogram:
    """One frame of a file, with what the options say about it."""
    from ..reading import read_elastogram

    given = replace(calibration_of(arguments), corners=_corners(arguments.corners))
    elastogram = read_elastogram(path, frame, given, _meaning(arguments))
    check_profile(arguments, elastogram.warnings)
    return elastogram


def _meaning(arguments: argparse.Namespace) -> ValueMeaning:
    from ..elastogram import Direction
    from ..reading import ValueMeaning

    return ValueMeaning(
        unit=arguments.unit,
        direction=Direction(f"{arguments.higher_is} is higher") if arguments.higher_is else None,
        spacing_mm=spacing_of(arguments),
        slice_spacing_mm=arguments.slice_spacing,
    )


def _with_slices(
    path: Path, elastogram: Elastogram, arguments: argparse.Namespace
) -> tuple[Elastogram, ElastogramVolume | None]:
    """The elastogram, and all slices of its file; without them where the file does not tell how far they are apart."""
    from ..reading import read_slices

    try:
        return elastogram, read_slices(path, elastogram, _meaning(arguments))
    except ParameterError as error:
        said = WarningRecord("slices-not-measured", str(error))
        return replace(elastogram, warnings=(*elastogram.warnings, said)), None


def _corners(numbers: list[float] | None) -> tuple[tuple[float, float], ...] | None:
    if numbers is not None and len(numbers) not in (0, 8):
        raise ParameterError("--corners takes x and y of four corners, eight numbers, or none to have them found.")
    return None if numbers is None else tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _regions(elastogram: Elastogram, arguments: argparse.Namespace, number: int) -> LesionRegions:
    from ..measurement import LesionRegions, parse_region
    from ..measurement.regions import rows_region

    found: dict[str, Any] = {}
    for name in LesionRegions.__dataclass_fields__:
        text = _of_file(getattr(arguments, name), number, len(arguments.files), f"--{name.replace('_', '-')}")
        if text is None:
            continue
        depth = _as_number(text) if name in ("skin", "chest_wall") else None
        if depth is not None:
            found[name] = rows_region(elastogram, depth, below=name == "chest_wall")
        else:
            found[name] = parse_region(elastogram, text)
    return LesionRegions(**found)


def _box_center(elastogram: Elastogram, arguments: argparse.Namespace, number: int) -> tuple[float, float] | None:
    from ..measurement.regions import parse_point

    text = _of_file(arguments.box_at, number, len(arguments.files), "--box-at")
    return None if text is None else parse_point(elastogram, text)


def _of_file(texts: list[str] | None, number: int, files: int, option: str) -> str | None:
    if texts is None:
        return None
    if len(texts) not in (1, files):
        raise ParameterError(f"{option} is given once for all files or once for each of the {files} files.")
    return texts[number] if len(texts) > 1 else texts[0]


def _as_number(text: str) -> float | None:
    try:
        return float(text.removesuffix("mm"))
    except ValueError:
        return None


def title(reading: Reading) -> str:
    """Lesion, reader, number of the acquisition, and the frame or slice of a file that has several."""
    reader = f" · reader {reading.reader}" if reading.reader else ""
    frame = f" · {reading.frame}" if reading.frame else ""
    profile = f" · profile “{reading.profile}”" if reading.profile else ""
    return f"{reading.lesion}{reader} · acquisition {reading.repeat}{frame}{profile}"


def summary(reading: Reading) -> str:
    """What was measured, in words."""
    parts = []
    least = "≥ " if reading.bound else ""
    if reading.elasticity_mean_kpa is not None:
        low, high = reading.mean_interval_low_kpa, reading.mean_interval_high_kpa
        interval = "" if low is None else f" (95 % {low:.1f}–{high:.1f})"
        parts.append(
            f"mean {least}{reading.elasticity_mean_kpa:.1f} kPa{interval}, maximum {least}"
            f"{reading.elasticity_max_kpa:.1f} kPa"
        )
        if reading.box_speed_mean_m_s is not None and reading.box_speed_max_m_s is not None:
            parts[-1] += f" (c = √(E/3ρ): {reading.box_speed_mean_m_s:.2f} and {reading.box_speed_max_m_s:.2f} m/s)"
    for name, words in (("stiffness_ratio", "stiffness ratio"), ("strain_ratio", "strain ratio")):
        if getattr(reading, name) is not None:
            parts.append(f"{words} {least}{getattr(reading, name):.2f}")
    if reading.volume_box_mean_kpa is not None:
        parts.append(
            f"over the slices mean {reading.volume_box_mean_kpa:.1f} kPa, maximum {reading.volume_box_max_kpa:.1f} kPa"
        )
    if not parts:
        parts.append("no value: void" if reading.void_percent else "no value")
    if reading.roi_inside_percent is not None and reading.elasticity_mean_kpa is not None:
        parts.append(f"{reading.roi_inside_percent:.0f} % of the box inside the lesion")
    parts.append(f"elasticity score {reading.elasticity_score or 'none'}, Tsukuba {reading.tsukuba_score or 'none'}")
    if reading.elasticity_assessment:
        parts.append(reading.elasticity_assessment)
    if reading.stiff_rim:
        parts.append(f"stiff rim {reading.stiff_rim}")
    if reading.cyst_layers:
        parts.append(f"layers of a cyst {reading.cyst_layers}")
    return ", ".join(parts)
