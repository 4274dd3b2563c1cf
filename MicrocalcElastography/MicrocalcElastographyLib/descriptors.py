"""Words for a lesion by explicit rules: the BI-RADS elasticity assessment, the stiff rim, the layers of a cyst.

BI-RADS (ultrasound, 2013) names soft, intermediate and hard and gives no limits. Every limit below is a parameter and a
choice; the numbers that decided stand with the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from MicrocalcAILib.base.parameters import check_range

from .elastogram import Direction, Unit
from .measurement import LesionMeasurement, region_statistics
from .scoring import TSUKUBA, Score

ELASTICITY = "BI-RADS elasticity assessment"
STIFF_RIM = "stiff rim"
CYST_LAYERS = "cyst layers (blue–green–red)"
_SATURATED = 0.5  # share of the inside at the stiff end of the scale from which its own stiffness is unknown


@dataclass(frozen=True)
class Descriptor:
    """A word, or why there is none.

    Parameters
    ----------
    name : str
        `ELASTICITY`, `STIFF_RIM` or `CYST_LAYERS`.
    value : str or None
        ``soft``, ``intermediate``, ``hard``; ``present``, ``absent``. None when it cannot be told.
    reason : str
        The rule that decided, with its numbers; without a word, what is missing.
    numbers : dict of str to float
        What was compared, in the unit of the measurement.
    """

    name: str
    value: str | None
    reason: str
    numbers: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


@dataclass(frozen=True)
class DescriptorParameters:
    """Limits of the words.

    Parameters
    ----------
    soft_up_to_kpa, hard_from_kpa : float
        Maximum of the measurement box up to which a lesion is soft and from which it is hard; the limits at which Berg
        2012 (Radiology 262:435) lowers and raises a BI-RADS category. A choice.
    soft_up_to_score, hard_from_score : int
        The same for the Tsukuba score of a strain map, which has no kPa. A choice.
    rim_factor : float
        The ring is a stiff rim when it is this many times stiffer, by medians, than the inside of the lesion and than
        the tissue beyond the ring. A choice.
    layer_share : float
        Share of a third of the lesion, of its depth, that lies in its third of the scale where the layers of a cyst are
        present. A choice.
    smallest_valid_share : float
        Share of ring and lesion that has to carry a value for rim and layers to be judged, 0 to 1.
    """

    soft_up_to_kpa: float = 80.0
    hard_from_kpa: float = 160.0
    soft_up_to_score: int = 2
    hard_from_score: int = 4
    rim_factor: float = 1.3
    layer_share: float = 0.6
    smallest_valid_share: float = 0.75

    def __post_init__(self) -> None:
        check_range("soft_up_to_kpa", self.soft_up_to_kpa, 1.0, 1000.0, "kPa")
        check_range("hard_from_kpa", self.hard_from_kpa, self.soft_up_to_kpa, 1000.0, "kPa")
        check_range("soft_up_to_score", self.soft_up_to_score, 1, 4)
        check_range("hard_from_score", self.hard_from_score, self.soft_up_to_score + 1, 5)
        check_range("rim_factor", self.rim_factor, 1.0, 100.0)
        check_range("layer_share", self.layer_share, 0.34, 1.0)
        check_range("smallest_valid_share", self.smallest_valid_share, 0.01, 1.0)


def elasticity_assessment(
    measurement: LesionMeasurement,
    scores: Sequence[Score],
    parameters: DescriptorParameters = DescriptorParameters(),
) -> Descriptor:
    """Soft, intermediate or hard: by the maximum of the box in kPa, by the Tsukuba score on a strain map.

    A lower bound is called hard or nothing.
    """
    if measurement.elastogram.unit == Unit.STRAIN:
        score = next((score.value for score in scores if score.definition == TSUKUBA), None)
        if score is None:
            return Descriptor(ELASTICITY, None, "The strain map has no Tsukuba score.", {})
        word = _word(score <= parameters.soft_up_to_score, score >= parameters.hard_from_score)
        rule = (
            f"Tsukuba score {score}; soft up to {parameters.soft_up_to_score}, hard from {parameters.hard_from_score}"
        )
        return Descriptor(ELASTICITY, word, rule, {"tsukuba_score": float(score)})
    box = measurement.box_statistics
    if box is None or box.maximum is None:
        return Descriptor(ELASTICITY, None, "The lesion has no value; void is not soft.", {})
    word = _word(box.maximum <= parameters.soft_up_to_kpa, box.maximum >= parameters.hard_from_kpa)
    numbers = {"maximum_kpa": box.maximum}
    rule = (
        f"maximum of the box {box.maximum:.1f} kPa; soft up to {parameters.soft_up_to_kpa:g}, hard from "
        f"{parameters.hard_from_kpa:g} kPa"
    )
    if measurement.is_lower_bound and word != "hard":
        return Descriptor(ELASTICITY, None, f"{rule}; at least {word}, for the lesion may be stiffer", numbers)
    return Descriptor(ELASTICITY, word, rule, numbers)


def _word(is_soft: bool, is_hard: bool) -> str:
    return "soft" if is_soft else "hard" if is_hard else "intermediate"


def stiff_rim(measurement: LesionMeasurement, parameters: DescriptorParameters = DescriptorParameters()) -> Descriptor:
    """Whether the ring around the lesion is stiffer than its inside and than the tissue beyond.

    Beyond counts too: around a soft lesion any tissue is stiffer than the inside.
    """
    elastogram, ring, inside = measurement.elastogram, measurement.ring_statistics, measurement.lesion_statistics
    lesion = measurement.regions.lesion
    beyond_mask = ~(lesion.in_box(elastogram) | measurement.ring.in_box(elastogram))
    beyond = region_statistics(elastogram, beyond_mask) if beyond_mask.any() else None
    parts = {"ring": ring, "inside": inside, "beyond": beyond}
    numbers = {name: part.median for name, part in parts.items() if part is not None and part.median is not None}
    for words, region, statistics in (("lesion", lesion, inside), ("ring", measurement.ring, ring)):
        share = 0.0 if statistics is None else (1 - region.outside_share(elastogram)) * (1 - statistics.void_share)
        if share < parameters.smallest_valid_share:
            return Descriptor(STIFF_RIM, None, f"Only {share:.0%} of the {words} carries a value.", numbers)
    if "beyond" not in numbers or min(numbers.values()) <= 0.0:
        return Descriptor(STIFF_RIM, None, "The tissue beyond the ring carries no value to compare it with.", numbers)
    higher = elastogram.direction is Direction.STIFFER_IS_HIGHER
    saturated = inside.saturated_high_share if higher else inside.saturated_low_share
    if saturated is not None and saturated >= _SATURATED:
        return Descriptor(
            STIFF_RIM, None, "The inside lies at the stiff end of the scale, so nothing can be stiffer.", numbers
        )
    stiffer_than = {
        name: numbers["ring"] / numbers[name] if higher else numbers[name] / numbers["ring"]
        for name in ("inside", "beyond")
    }
    word = "present" if min(stiffer_than.values()) >= parameters.rim_factor else "absent"
    reason = (
        f"ring {stiffer_than['inside']:.2f} times as stiff as the inside and {stiffer_than['beyond']:.2f} times as the "
        f"tissue beyond (medians); present from {parameters.rim_factor:g} times both"
    )
    return Descriptor(STIFF_RIM, word, reason, numbers)


def cyst_layers(
    measurement: LesionMeasurement, parameters: DescriptorParameters = DescriptorParameters()
) -> Descriptor:
    """Whether a strain map shows the layers that fluid makes: hard, middle and soft colors from the probe down.

    They are an artifact of strain imaging in cysts, blue, green and red where blue is hard (Cosgrove et al.: EFSUMB
    guidelines on elastography, part 2. Ultraschall in Med 34:238, 2013). Other scanners display cysts otherwise, so
    that their absence says nothing.
    """
    elastogram = measurement.elastogram
    if elastogram.unit != Unit.STRAIN or elastogram.value_range is None:
        return Descriptor(CYST_LAYERS, None, "Only a strain map with a color scale can show them.", {})
    void = measurement.lesion_statistics.void_share
    lesion = measurement.regions.lesion.in_box(elastogram)
    rows = np.flatnonzero(lesion.any(axis=1))
    if 1.0 - void < parameters.smallest_valid_share or len(rows) < 3:
        return Descriptor(CYST_LAYERS, None, f"Only {1.0 - void:.0%} of the lesion carries a value.", {})
    low, high = elastogram.value_range
    softness = (elastogram.values - low) / (high - low)
    if elastogram.direction is Direction.STIFFER_IS_HIGHER:
        softness = 1.0 - softness
    numbers = {}
    edges = np.linspace(rows[0], rows[-1] + 1, 4).round().astype(int)
    for third, name in enumerate(("upper", "middle", "lower")):
        layer = slice(edges[third], edges[third + 1])
        found = softness[layer][lesion[layer] & elastogram.valid[layer]]
        inside = (found >= third / 3.0) & (found <= (third + 1) / 3.0)
        numbers[name] = float(inside.mean()) if found.size else 0.0
    word = "present" if min(numbers.values()) >= parameters.layer_share else "absent"
    shares = ", ".join(f"{share:.0%} of its {name} third" for name, share in numbers.items())
    reason = (
        f"of the hard, middle and soft third of the scale lie {shares} (from the probe down); present from "
        f"{parameters.layer_share:.0%} each, and no sign where the scanner displays cysts otherwise"
    )
    return Descriptor(CYST_LAYERS, word, reason, numbers)
