"""Every parameter of an analysis: one dataclass per stage that checks itself, and the file they are written to.

Cheap to import: the command line, the panel and the parameter file all use it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from .errors import ParameterError

Parameters = TypeVar("Parameters")
_LARGEST = 1e100


def check_range(name: str, value: float, lowest: float, highest: float, unit: str = "") -> None:
    """Raise ParameterError with one sentence unless ``lowest ≤ value ≤ highest``."""
    if not lowest <= value <= highest:
        limits = f"{lowest:g} and {highest:g} {unit}".rstrip()
        raise ParameterError(f"{name} has to lie between {limits}, not {value:g}.")


SIMULATED_CLASSIFIER = "simulated"
"""Name of the bundled classifier, which was trained on simulated clusters only and is used when it is asked for."""


@dataclass(frozen=True)
class ReadingParameters:
    """How images are read.

    Parameters
    ----------
    assumed_spacing_mm : float
        Pixel spacing for files that do not say theirs; using it is a warning in every output.
    """

    assumed_spacing_mm: float = 0.07

    def __post_init__(self) -> None:
        check_range("assumed_spacing_mm", self.assumed_spacing_mm, 0.01, 1.0, "mm")


@dataclass(frozen=True)
class BreastParameters:
    """How the breast is told from everything else; lengths in mm, ratios of the contrast between tissue and air.

    Parameters
    ----------
    grid_mm : float
        Pixel size of the grid that the mask is found on; the outline is interpolated between its pixels.
    tissue_ratio : float
        What stands this part of the contrast above the air is surely no air.
    skin_ratio : float
        The faintest skin next to tissue.
    skin_reach_mm : float
        Faint skin and the nipple lie within this distance of sure tissue.
    noise_factor : float
        Tissue and skin stand at least this many standard deviations of the noise above the air.
    flatness_ratio : float
        Air whose noise is a larger part of the contrast is tissue: the breast fills the frame.
    border_strip_mm : float
        Film frames and light leaks are looked for within this distance of the image borders.
    thinnest_part_mm : float
        What sticks out of the breast and is thinner is a label, a wire or a film border.
    smallest_area_ratio : float
        A region that takes a smaller part of the image is no breast.

    Raises
    ------
    ParameterError
        When a value lies outside its range.
    """

    grid_mm: float = 0.4
    tissue_ratio: float = 0.06
    skin_ratio: float = 0.01
    skin_reach_mm: float = 10.0
    noise_factor: float = 5.0
    flatness_ratio: float = 0.05
    border_strip_mm: float = 20.0
    thinnest_part_mm: float = 4.0
    smallest_area_ratio: float = 0.02

    def __post_init__(self) -> None:
        ranges = {
            "grid_mm": (0.1, 2.0),
            "tissue_ratio": (0.01, 0.5),
            "skin_ratio": (0.001, 0.5),
            "skin_reach_mm": (0.0, 50.0),
            "noise_factor": (1.0, 50.0),
            "flatness_ratio": (0.001, 0.5),
            "border_strip_mm": (0.0, 50.0),
            "thinnest_part_mm": (0.0, 20.0),
            "smallest_area_ratio": (0.0, 1.0),
        }
        for name, (lowest, highest) in ranges.items():
            check_range(name, getattr(self, name), lowest, highest)
        if self.skin_ratio > self.tissue_ratio:
            raise ParameterError(
                f"skin_ratio ({self.skin_ratio:g}) is not above tissue_ratio ({self.tissue_ratio:g}): "
                "skin is fainter than tissue."
            )


@dataclass(frozen=True)
class CandidateParameters:
    """How candidate specks are found.

    Parameters
    ----------
    smallest_sigma_mm : float
        Finest Gaussian; HDoGReg's 1.18 px of 0.07 mm.
    scale_ratio : float
        From one Gaussian to the next.
    scales : int
        Number of difference planes (Gaussians minus one); HDoGReg has three, the fourth is for coarse calcifications.
    peak_threshold : float
        Lowest peak, in units of local noise. Low on purpose: selection rejects, candidates must not miss.
    outline_threshold : float
        Where a candidate ends, in units of local noise.
    noise_tile_mm : float
        Side of the tiles on which the noise is measured.
    largest_area_mm2 : float
        Larger parts (skin line, folds) are no candidates.
    """

    smallest_sigma_mm: float = 0.0826
    scale_ratio: float = 1.6
    scales: int = 4
    peak_threshold: float = 2.5
    outline_threshold: float = 1.5
    noise_tile_mm: float = 6.0
    largest_area_mm2: float = 25.0

    def __post_init__(self) -> None:
        check_range("smallest_sigma_mm", self.smallest_sigma_mm, 0.02, 1.0, "mm")
        check_range("scale_ratio", self.scale_ratio, 1.1, 3.0)
        check_range("scales", self.scales, 1, 4)
        check_range("peak_threshold", self.peak_threshold, 1.0, 100.0)
        check_range("outline_threshold", self.outline_threshold, 0.1, self.peak_threshold)
        check_range("noise_tile_mm", self.noise_tile_mm, 1.0, 50.0, "mm")
        check_range("largest_area_mm2", self.largest_area_mm2, 0.1, 1000.0, "mm²")


@dataclass(frozen=True)
class SelectionParameters:
    """How many false marks are accepted, and when faint specks count because of their group.

    Parameters
    ----------
    false_marks_per_cm2 : float
        Expected false marks per cm² of breast, measured on films and digital images without known calcifications; the
        operating point.
    group_threshold : float
        Lowest probability of a speck in a sure group.
    group_reach_mm : float
        Radius of the neighborhood in which a group gathers its evidence.
    group_evidence : float
        Sum of the cubed probabilities in the neighborhood from which a group is sure: 3 is five specks of 0.85, or
        nine of 0.7.
    crowd_threshold, crowd_reach_mm, crowd_evidence
        The same for three or more specks of ``group_threshold`` that lie closer together; the surest of them is no
        evidence: 0.4 is another two of 0.6, or one of 0.74.
    """

    false_marks_per_cm2: float = 0.05
    group_threshold: float = 0.3
    group_reach_mm: float = 5.0
    group_evidence: float = 3.0
    crowd_threshold: float = 0.08
    crowd_reach_mm: float = 1.0
    crowd_evidence: float = 0.4

    def __post_init__(self) -> None:
        check_range("false_marks_per_cm2", self.false_marks_per_cm2, 0.001, 10.0, "per cm²")
        check_range("group_threshold", self.group_threshold, 0.01, 1.0)
        check_range("group_reach_mm", self.group_reach_mm, 0.1, 50.0, "mm")
        check_range("group_evidence", self.group_evidence, 0.5, 1e6)
        check_range("crowd_threshold", self.crowd_threshold, 0.01, 1.0)
        check_range("crowd_reach_mm", self.crowd_reach_mm, 0.1, 50.0, "mm")
        check_range("crowd_evidence", self.crowd_evidence, 0.1, 1e6)


@dataclass(frozen=True)
class ClusterParameters:
    """What counts as a group.

    Parameters
    ----------
    linking_distance_mm : float
        Calcifications closer than this belong together (single link).
    minimum_count, group_diameter_mm
        A group has a member with at least ``minimum_count`` − 1 others within ``group_diameter_mm`` (BI-RADS: five
        within 1 cm).
    """

    linking_distance_mm: float = 5.0
    minimum_count: int = 5
    group_diameter_mm: float = 10.0

    def __post_init__(self) -> None:
        check_range("linking_distance_mm", self.linking_distance_mm, 0.1, 100.0, "mm")
        check_range("minimum_count", self.minimum_count, 2, 1000)
        check_range("group_diameter_mm", self.group_diameter_mm, 0.1, 100.0, "mm")


@dataclass(frozen=True)
class HeatmapParameters:
    """How finely heatmaps are drawn.

    Parameters
    ----------
    stride_mm : float
        Distance between patches. A patch measures 7.84 mm: patches touch at that stride, as in Pesapane 2023. At 2.24
        (32 pixels of 0.07 mm) the detection network is slid over the image.
    """

    stride_mm: float = 2.24

    def __post_init__(self) -> None:
        check_range("stride_mm", self.stride_mm, 0.5, 20.0, "mm")


@dataclass(frozen=True)
class AnalysisParameters:
    """All stages' parameters; every one has a default that works."""

    reading: ReadingParameters = field(default_factory=ReadingParameters)
    breast: BreastParameters = field(default_factory=BreastParameters)
    candidates: CandidateParameters = field(default_factory=CandidateParameters)
    selection: SelectionParameters = field(default_factory=SelectionParameters)
    clusters: ClusterParameters = field(default_factory=ClusterParameters)
    heatmap: HeatmapParameters = field(default_factory=HeatmapParameters)

    def to_dict(self) -> dict[str, Any]:
        """Nested dict, JSON-ready."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> AnalysisParameters:
        """Parameters from a nested dict; what is left out keeps its default.

        Raises
        ------
        ParameterError
            For an unknown name, a value of the wrong kind or out of range.
        """
        return parameters_from_dict(cls, values)

    @classmethod
    def from_file(cls, path: Path) -> AnalysisParameters:
        """Parameters from a JSON file, for example ``{"selection": {"false_marks_per_cm2": 0.4}}``.

        Raises
        ------
        ParameterError
            When the file cannot be read or holds something else.
        """
        return read_parameters(cls, path)


def read_parameters(kind: type[Parameters], path: Path) -> Parameters:
    """Parameters of any nested dataclass from a JSON file.

    Raises
    ------
    ParameterError
        When the file cannot be read or holds something else.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise ParameterError(f"The parameter file cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise ParameterError("The parameter file nests far too many brackets; write names and values only.") from error
    except ValueError as error:
        raise ParameterError(f"The parameter file is not JSON: {error}.") from error
    return parameters_from_dict(kind, values)


def _no_number(word: str) -> float:
    raise ParameterError(f"The parameter file holds {word}, which is no number; write one.")


def parameters_from_dict(kind: type[Parameters], values: Any, place: str = "") -> Parameters:
    """A nested dataclass of numbers from a nested dict; what is left out keeps its default.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are numbers or such dataclasses, all with defaults.
    values : dict
    place : str
        Where the values stand in the file, for messages.

    Raises
    ------
    ParameterError
        For an unknown name, a value of the wrong kind or out of range.
    """
    if not isinstance(values, dict):
        raise ParameterError(f"{place or 'The parameter file'} has to hold names and values in braces.")
    fields = [item.name for item in dataclasses.fields(cast(Any, kind))]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ParameterError(f"Unknown parameter “{place}{unknown[0]:.40}”; known here: {', '.join(fields)}.")
    defaults = kind()
    given: dict[str, Any] = {}
    for name, value in values.items():
        default = getattr(defaults, name)
        if dataclasses.is_dataclass(default):
            given[name] = parameters_from_dict(type(default), value, f"{place}{name}.")
        elif isinstance(default, bool) != isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ParameterError(f"“{place}{name}” has to be a number, not {repr(value)[:40]}.")
        elif not -_LARGEST <= value <= _LARGEST:  # also what is no number; a whole number may have any length
            raise ParameterError(f"“{place}{name}” has to be an ordinary number.")
        elif isinstance(default, int) and value != int(value):
            raise ParameterError(f"“{place}{name}” has to be a whole number, not {value!r}.")
        else:
            given[name] = type(default)(value)
    return kind(**given)
