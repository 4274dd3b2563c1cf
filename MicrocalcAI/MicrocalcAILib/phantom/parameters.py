"""What is inserted into a background."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import ParameterError
from .calcifications import MORPHOLOGIES, Morphology
from .distributions import DISTRIBUTIONS


@dataclass(frozen=True)
class PhantomParameters:
    """What is inserted. Pairs are ranges from which values are drawn.

    Parameters
    ----------
    clusters, singles : (int, int)
        Number of clusters, and of calcifications outside them.
    morphologies, distributions : tuple of str
        BI-RADS words to choose from; empty for all.
    contrast_to_noise : (float, float)
        Peak of a calcification over the local noise, both in the image's grey values. The range is of the median of
        a cluster; single calcifications vary with their thickness, but stay above the lower end.
    blur_sigma_mm : (float, float)
        Standard deviation of the Gaussian point spread of focal spot and detector, added to the blur that the
        background's own noise shows.
    distractors : (int, int) or None
        Number of things that look similar but are none: hot pixels, scratches, vessels, folds, small masses. None: 4
        to 20 in a simulated background, none in a real image, which has its own.
    """

    clusters: tuple[int, int] = (1, 3)
    singles: tuple[int, int] = (0, 8)
    morphologies: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    contrast_to_noise: tuple[float, float] = (2.0, 20.0)
    blur_sigma_mm: tuple[float, float] = (0.01, 0.045)
    distractors: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("clusters", "singles", "contrast_to_noise", "blur_sigma_mm", "distractors"):
            low, high = getattr(self, name) or (0, 0)
            if not 0 <= low <= high:
                raise ParameterError(f"The range {name} is {low:g} to {high:g}; give 0 ≤ low ≤ high.")
        if not self.contrast_to_noise[0] > 0:
            raise ParameterError("The contrast-to-noise ratio must be above 0.")
        for word in self.morphologies:
            if word not in MORPHOLOGIES:
                raise ParameterError(f"Unknown morphology “{word}”; choose from: {', '.join(MORPHOLOGIES)}.")
        for word in self.distributions:
            if word not in DISTRIBUTIONS:
                raise ParameterError(f"Unknown distribution “{word}”; choose from: {', '.join(DISTRIBUTIONS)}.")
        if not self.pairs():
            raise ParameterError("The chosen morphologies are not seen in the chosen distributions; choose others.")

    def pairs(self) -> list[tuple[Morphology, str]]:
        """The allowed pairs of a morphology and a distribution it is seen in."""
        return [
            (morphology, distribution)
            for morphology in MORPHOLOGIES.values()
            if not self.morphologies or morphology.name in self.morphologies
            for distribution in morphology.distributions
            if not self.distributions or distribution in self.distributions
        ]
