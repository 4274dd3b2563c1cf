"""One acquisition of one lesion: measured, scored and checked. The entry point of command line and panel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.base.parameters import read_parameters

from .descriptors import Descriptor, DescriptorParameters, cyst_layers, elasticity_assessment, stiff_rim
from .elastogram import Elastogram, Unit
from .elastogram_volume import ElastogramVolume
from .measurement import LesionMeasurement, LesionRegions, MeasurementParameters, measure
from .protocol import Check, ProtocolParameters, check_acquisition, check_operator
from .scoring import ColorShareParameters, Score, TsukubaParameters, color_share_score, tsukuba_score


@dataclass(frozen=True)
class AssessmentParameters:
    """Parameters of measurement, scores, protocol and words; every one has a default that works."""

    measurement: MeasurementParameters = field(default_factory=MeasurementParameters)
    color_share: ColorShareParameters = field(default_factory=ColorShareParameters)
    tsukuba: TsukubaParameters = field(default_factory=TsukubaParameters)
    protocol: ProtocolParameters = field(default_factory=ProtocolParameters)
    descriptors: DescriptorParameters = field(default_factory=DescriptorParameters)

    @classmethod
    def from_file(cls, path: Path) -> AssessmentParameters:
        """Parameters from a JSON file, for example ``{"measurement": {"box_mm": 3}}``.

        Raises
        ------
        ParameterError
            For an unreadable file, an unknown name, a value of the wrong kind or out of range.
        """
        return read_parameters(cls, path)


@dataclass(frozen=True)
class Assessment:
    """What one acquisition says about a lesion.

    ``scores`` are the color-share and the Tsukuba score, ``checks`` those of the protocol, ``descriptors`` the BI-RADS
    elasticity assessment, the stiff rim and, of strain maps, the layers of a cyst.
    """

    measurement: LesionMeasurement
    scores: tuple[Score, ...]
    checks: tuple[Check, ...]
    descriptors: tuple[Descriptor, ...]
    parameters: AssessmentParameters

    @property
    def warnings(self) -> tuple[WarningRecord, ...]:
        """Of reading, measurement and scores."""
        return (*self.measurement.warnings, *(warning for score in self.scores for warning in score.warnings))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "measurement": self.measurement.as_dict(),
            "scores": [score.as_dict() for score in self.scores],
            "descriptors": [descriptor.as_dict() for descriptor in self.descriptors],
            "protocol": [check.as_dict() for check in self.checks],
            "parameters": {name: dict(vars(part)) for name, part in vars(self.parameters).items()},
        }


def assess(
    elastogram: Elastogram,
    regions: LesionRegions,
    parameters: AssessmentParameters = AssessmentParameters(),
    box_center: tuple[float, float] | None = None,
    precompression: float | None = None,
    confirmed: Collection[str] | None = None,
    volume: ElastogramVolume | None = None,
) -> Assessment:
    """Measure, score and check one acquisition.

    Parameters
    ----------
    elastogram : Elastogram
        With known pixel spacing.
    regions : LesionRegions
    parameters : AssessmentParameters
    box_center : (float, float) or None
        Row and column in the image of a measurement box placed by hand.
    precompression : float or None
        Level of the pressure indicator the examiner entered.
    confirmed : collection of str or None
        Codes of `protocol.OPERATOR_RULES` that the examiner confirmed; None when nobody was asked.
    volume : ElastogramVolume or None
        All slices, when the elastogram is one of several.

    Raises
    ------
    ParameterError
        When the spacing is unknown or a region lies outside the elastography box.
    """
    measurement = measure(elastogram, regions, parameters.measurement, box_center, volume)
    checks = check_acquisition(measurement, precompression, parameters.protocol)
    if confirmed is not None:
        checks = (*checks, *check_operator(confirmed))
    # Scores look at the colors of the map as it came: a scale in m/s is not linear in kPa.
    scores = (
        color_share_score(elastogram, regions.lesion, parameters.color_share),
        tsukuba_score(measurement.elastogram, regions.lesion, parameters.tsukuba),
    )
    return Assessment(
        measurement=measurement,
        scores=scores,
        checks=checks,
        descriptors=(
            elasticity_assessment(measurement, scores, parameters.descriptors),
            stiff_rim(measurement, parameters.descriptors),
            *((cyst_layers(measurement, parameters.descriptors),) if elastogram.unit == Unit.STRAIN else ()),
        ),
        parameters=parameters,
    )
