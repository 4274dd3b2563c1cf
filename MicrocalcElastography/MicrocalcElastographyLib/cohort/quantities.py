"""What the columns of an elastography table usually are: names, units, possible values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .languages import in_english


@dataclass(frozen=True)
class Quantity:
    """A measurement or description this field knows.

    Parameters
    ----------
    key : str
        Stable short name, e.g. ``elasticity_mean``.
    label : str
        For headings and axes, without the unit.
    unit : str
        ``kPa``, ``m/s``, … or empty.
    kind : str
        ``continuous``, ``ordinal`` (numbers that are steps) or ``category``.
    is_parameter : bool
        True for what a study tests as a diagnostic parameter, False for what describes patient and lesion.
    pattern : str
        Regular expression, searched in the heading with every separator turned into a space, lower case.
    low, high : float, optional
        Values outside are impossible and refused.
    usual_low, usual_high : float, optional
        Values outside are possible but worth a second look.
    """

    key: str
    label: str
    unit: str
    kind: str
    is_parameter: bool
    pattern: str
    low: float | None = None
    high: float | None = None
    usual_low: float | None = None
    usual_high: float | None = None

    @property
    def title(self) -> str:
        """Label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_ELASTICITY = r"(\b(elasticity|elastic modulus|youngs? modulus|stiffness|kpa|swe)\b|^e( (mean|max|min|avg))?( kpa)?$)"
# Zero is no stiffness: a void is a missing measurement, so the lowest possible value lies above it.
_LIMITS = {"low": 0.1, "high": 1000.0, "usual_low": 1.0, "usual_high": 300.0}

# The first pattern that fits a heading wins, so the special ones stand before the general ones.
QUANTITIES: tuple[Quantity, ...] = (
    Quantity("elasticity_sd", "Elasticity, standard deviation", "kPa", "continuous", False,
             r"(?=.*(\b(elasticity|stiffness|kpa|swe)\b|\besd\b))(?=.*\b(sd|std|esd|standard deviation)\b)", low=0.0),
    Quantity("interval", "End of the interval of a value", "", "continuous", False, r"\binterval\b", low=0.0),
    Quantity("void", "Share without a value", "%", "continuous", False, r"\bvoid\b", low=0.0, high=100.0),
    Quantity("saturated", "Share at an end of the scale", "%", "continuous", False, r"\bsaturat", low=0.0, high=100.0),
    Quantity("inside", "Share of the box inside the lesion", "%", "continuous", False, r"\b(roi|box) inside\b",
             low=0.0, high=100.0),
    Quantity("assessment", "Elasticity assessment (soft, intermediate, hard)", "", "category", False,
             r"\belasticity assessment\b"),
    Quantity("cyst_layers", "Layers of a cyst in the strain map", "", "category", False, r"\bcyst layers\b"),
    Quantity("rim", "Stiff rim", "", "category", False, r"\bstiff rim\b"),
    Quantity("volume_box", "Elasticity in a box over several slices", "kPa", "continuous", False,
             r"\bvolume box\b", low=0.0),
    Quantity("box_speed", "Shear wave speed in the box, from the elasticity", "m/s", "continuous", False,
             r"\bbox speed\b", low=0.0),
    Quantity("velocity", "Shear wave speed", "m/s", "continuous", True,
             r"\b(swv|sws|shear wave (speed|velocity)|velocity|m s)\b", low=0.05, high=20.0, usual_high=10.0),
    Quantity("stiffness_ratio", "Stiffness ratio (lesion to fat)", "", "continuous", True,
             r"\b(stiffness|elasticity|swe|e|q|shear wave) ratio\b|\beratio\b", low=0.01, high=500.0, usual_high=60.0),
    Quantity("strain_ratio", "Strain ratio", "", "continuous", True,
             r"\bstrain ratio\b|\bsr\b|\bfat lesion ratio\b|\bflr\b", low=0.01, high=500.0, usual_high=60.0),
    Quantity("size_ratio", "Size ratio, elastogram to B-mode", "", "continuous", True,
             r"\b(e b|eb|size|length|width) ratio\b|\be b( size)?$", low=0.01, high=50.0, usual_high=4.0),
    Quantity("score", "Elasticity score", "", "ordinal", True,
             r"\b(elasticity|elastography|strain|tsukuba|itoh|ueno|five point|5 point|elasto) scores?\b|^score$|^es$",
             low=1.0, high=5.0),
    Quantity("elasticity_max", "Elasticity, maximum", "kPa", "continuous", True,
             rf"(?=.*({_ELASTICITY}|\bemax\b))(?=.*\b(max|maximum|maximal|emax)\b)", **_LIMITS),
    Quantity("elasticity_min", "Elasticity, minimum", "kPa", "continuous", True,
             rf"(?=.*({_ELASTICITY}|\bemin\b))(?=.*\b(min|minimum|emin)\b)", **_LIMITS),
    Quantity("elasticity_mean", "Elasticity, mean", "kPa", "continuous", True,
             rf"(?=.*({_ELASTICITY}|\bemean\b))(?=.*\b(mean|average|avg|emean)\b)", **_LIMITS),
    Quantity("elasticity", "Elasticity", "kPa", "continuous", True, _ELASTICITY, **_LIMITS),
    Quantity("probability", "Mammographic probability", "", "continuous", True,
             r"\b(probability|ai score|cad score|risk score)\b|^prob$", low=0.0, high=1.0),
    Quantity("birads", "BI-RADS category", "", "category", False, r"\bbi ?rads\b(?!.*dens)"),
    Quantity("density", "Breast density", "", "category", False, r"\bdensity\b|\bacr\b"),
    Quantity("distribution", "Distribution pattern", "", "category", False, r"\bdistribution\b|\bpattern\b"),
    Quantity("morphology", "Morphology", "", "category", False, r"\bmorpholog"),
    Quantity("histology", "Histology", "", "category", False, r"\bhistolog|\bpatholog|\bdiagnosis\b|\bsubtype\b"),
    Quantity("age", "Age", "years", "continuous", False,
             r"\bage\b", low=0.0, high=120.0, usual_low=18.0, usual_high=100.0),
    Quantity("size", "Lesion size", "mm", "continuous", False,
             r"\b(size|diameter|extent)\b(?!.*\b(cm|ratio)\b)", low=0.1, high=300.0, usual_high=150.0),
    Quantity("size_cm", "Lesion size", "cm", "continuous", False,
             r"\b(size|diameter|extent)\b(?=.*\bcm\b)", low=0.01, high=30.0, usual_high=15.0),
    Quantity("depth", "Lesion depth", "mm", "continuous", False, r"\bdepth\b", low=0.0, high=200.0, usual_high=80.0),
)  # fmt: skip

MEASUREMENT_KEYS = frozenset(
    {"void", "saturated", "inside", "interval", "box_speed", "volume_box", "assessment"}
)  # how well was measured, and elasticity or score said again; nothing more about the lesion


def words_of(heading: str) -> str:
    """Heading in lower-case English words: ``Strain_Ratio (R1)`` → ``strain ratio r1``; see :mod:`.languages`.

    What cannot be translated stays as it is.
    """
    split = re.sub(r"(?<=[a-zäöü])(?=[A-ZÄÖÜ][a-zäöü])", " ", heading.replace("kPa", "kpa"))
    return in_english(" ".join(re.sub(r"[\W_]+", " ", split.lower()).split()))


def recognize(heading: str) -> Quantity | None:
    """The quantity a heading names, or None when it is not one this field knows."""
    words = words_of(heading)
    return next((quantity for quantity in QUANTITIES if re.search(quantity.pattern, words)), None)


def quantity_of_key(key: str) -> Quantity | None:
    """The quantity of this key, such as ``elasticity_mean``."""
    return next((quantity for quantity in QUANTITIES if quantity.key == key), None)
