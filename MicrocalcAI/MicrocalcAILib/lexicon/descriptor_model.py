"""P(malignant | BI-RADS words, breast density): a logistic regression on a table of described lesions.

The bundled model was fitted to the calcification tables of CBIS-DDSM. It does not see the image, nor the radiologist's
assessment category. Every probability comes with an interval: the same regression was fitted to bootstrap samples of
the patients, and the interval holds the middle 95 % of their answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError
from ..base.model_folder import read_model_folder
from ..base.parameters import check_range
from ..base.resources import resource_path
from ..statistics.estimate import Estimate
from .vocabulary import in_cbis, word

KIND = "descriptor risk model"
SCHEMA = 1
MODEL_FILE = "model.json"
CONFIDENCE = 0.95
_SMALLEST_KNOWN_SHARE = 0.5  # of the probability must be on words that the training table has


@dataclass(frozen=True)
class Descriptors:
    """What the model is told about a lesion.

    Parameters
    ----------
    morphology, distribution : tuple of str
        The lexicon's words; empty when not known.
    density : float or None
        Breast composition 1 (almost entirely fat) to 4 (extremely dense).
    age : float or None
        Years.
    """

    morphology: tuple[str, ...] = ()
    distribution: tuple[str, ...] = ()
    density: float | None = None
    age: float | None = None

    def __post_init__(self) -> None:
        for kind in ("morphology", "distribution"):
            for name in getattr(self, kind):
                word(kind, name)
        if self.density is not None:
            check_range("density", self.density, 1, 4)
        if self.age is not None:
            check_range("age", self.age, 18, 120, "years")


@dataclass(frozen=True)
class Risk:
    """A probability of malignancy, or why there is none.

    Parameters
    ----------
    estimate : Estimate
        Probability with its interval; NaN when the model cannot tell.
    notes : tuple of str
        What the reader has to know about this number, one sentence each.
    """

    estimate: Estimate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """Descriptors as numbers: one column per word (1 when it applies), then density and age about their means.

    What is not known takes the mean of the training table, so that not knowing says nothing. In CBIS-DDSM the
    distribution was left out for typically benign lesions only (371 of 376 were not even called back): a model that
    sees which cells are empty would read the outcome off the paperwork.

    Parameters
    ----------
    morphologies, distributions : tuple of str
    means : dict
        Column name to mean among the lesions where it is known.
    """

    morphologies: tuple[str, ...]
    distributions: tuple[str, ...]
    means: dict[str, float]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        numbers = [name for name in ("density", "age") if name in self.means]
        return (*self.morphologies, *self.distributions, *numbers)

    def row(self, descriptors: Descriptors) -> NDArray[np.float64]:
        """One row of numbers, shape (columns,)."""
        values: list[float] = []
        for kind, known in (("morphology", self.morphologies), ("distribution", self.distributions)):
            given = {in_cbis(kind, name) for name in getattr(descriptors, kind)}
            values += [float(name in given) if given else self.means[name] for name in known]
        for name, scale in (("density", 1.0), ("age", 10.0)):
            if name in self.means:
                number = getattr(descriptors, name)
                values.append(0.0 if number is None else (number - self.means[name]) / scale)
        return np.array(values)


@dataclass(frozen=True)
class DescriptorModel:
    """The fitted model.

    Parameters
    ----------
    encoding : Encoding
    coefficients : float array, shape (1 + bootstrap samples, 1 + columns)
        First the model itself, then its refits; each row is the intercept and the columns' coefficients.
    card : dict
        Training data, figures, license, limits, SHA-256.
    """

    encoding: Encoding
    coefficients: NDArray[np.float64]
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: Path | None = None) -> DescriptorModel:
        """Load a model's folder, the bundled one by default.

        Raises
        ------
        ModelError
            When it is missing, altered or of another version.
        """
        folder = resource_path("Models/DescriptorRisk") if folder is None else Path(folder)
        card, files = read_model_folder(folder, KIND, SCHEMA)
        try:
            content = json.loads(files[MODEL_FILE])
            encoding = Encoding(tuple(content["morphologies"]), tuple(content["distributions"]), dict(content["means"]))
            coefficients = np.array([content["coefficients"], *content["bootstrap"]], np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"The model “{folder.name}” is incomplete; please train it again.") from error
        if coefficients.shape[1] != 1 + len(encoding.columns):
            raise ModelError(f"The model “{folder.name}” is incomplete; please train it again.")
        return cls(encoding, coefficients, card)

    def to_json(self) -> str:
        """The text that :meth:`load` reads."""
        content = {
            "morphologies": self.encoding.morphologies,
            "distributions": self.encoding.distributions,
            "means": self.encoding.means,
            "columns": ["intercept", *self.encoding.columns],
            "coefficients": self.coefficients[0].tolist(),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        refits = ",\n  ".join(json.dumps(row.tolist()) for row in self.coefficients[1:].round(4))
        return f'{text[:-2]},\n "bootstrap": [\n  {refits}\n ]\n}}\n'

    def probability(self, descriptors: Descriptors, prevalence: float | None = None) -> Risk:
        """Probability of malignancy of a described lesion; see :meth:`expected`."""
        return self.expected([(descriptors, 1.0)], prevalence)

    def expected(self, alternatives: Sequence[tuple[Descriptors, float]], prevalence: float | None = None) -> Risk:
        """Probability of malignancy of a lesion whose words are uncertain: the mean over the alternatives.

        Parameters
        ----------
        alternatives : sequence of (Descriptors, float)
            Descriptions and how probable each is. Those with a word that the training table does not have are left
            out; when they hold more than half of the probability there is no answer.
        prevalence : float, optional
            Share of malignant lesions where the reader works; the odds are moved from the training table's share to it,
            which is right when only the mix of benign and malignant lesions differs.

        Raises
        ------
        ParameterError
            When the prevalence is no share, or there is no alternative.
        """
        if prevalence is not None and not 0 < prevalence < 1:
            raise ParameterError(f"A prevalence lies between 0 and 1, not {prevalence:g}.")
        total = sum(weight for _, weight in alternatives)
        if not total > 0:
            raise ParameterError("There is no description to judge; give at least one with a weight above 0.")
        known = [(lesion, weight / total) for lesion, weight in alternatives if not self._missing(lesion)]
        share = sum(weight for _, weight in known)
        if share < _SMALLEST_KNOWN_SHARE:
            likeliest = max(alternatives, key=lambda entry: entry[1] * bool(self._missing(entry[0])))[0]
            reason = (
                f"The training table has no lesion described as {self._missing(likeliest)[0]}; "
                "the model gives no probability."
            )
            return Risk(Estimate(math.nan, math.nan, math.nan, CONFIDENCE), (reason,))
        rows = np.array([self.encoding.row(lesion) for lesion, _ in known])
        logits = self.coefficients[:, :1] + self.coefficients[:, 1:] @ rows.T
        if prevalence is not None:
            logits = logits + _logit(prevalence) - _logit(float(self.card["prevalence"]))
        chances = (1 / (1 + np.exp(-logits))) @ np.array([weight / share for _, weight in known])
        low, high = np.quantile(chances[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        value = float(chances[0])
        # the refits of a regularized answer may all lie on one side of it
        estimate = Estimate(
            value, min(float(low), value), max(float(high), value), CONFIDENCE, "bootstrap over patients"
        )
        return Risk(estimate, tuple(self._notes(known[0][0], share, prevalence)))

    def _missing(self, descriptors: Descriptors) -> list[str]:
        """The words that the training table does not have."""
        known = {"morphology": self.encoding.morphologies, "distribution": self.encoding.distributions}
        return [
            name
            for kind, names in known.items()
            for name in getattr(descriptors, kind)
            if in_cbis(kind, name) not in names
        ]

    def _notes(self, descriptors: Descriptors, share: float, prevalence: float | None) -> list[str]:
        notes = []
        if prevalence is None:
            percent = 100 * float(self.card["prevalence"])
            notes.append(f"Holds where {percent:.0f} % of such lesions are malignant, as in {self.card['cohort']}.")
        if share < 1 - 1e-9:
            notes.append(f"Words that the training table does not have were left out ({1 - share:.0%} of probability).")
        unknown = [name for name in ("morphology", "distribution") if not getattr(descriptors, name)]
        if unknown:
            notes.append(f"Not known and taken as average: {', '.join(unknown)}.")
        if descriptors.age is not None and "age" not in self.encoding.means:
            notes.append("The training table holds no ages; age was not used.")
        return notes

    def probabilities(self, lesions: Sequence[Descriptors]) -> NDArray[np.float64]:
        """Probability of each lesion without interval, shape (lesions,)."""
        if not lesions:
            return np.empty(0)
        rows = np.array([self.encoding.row(lesion) for lesion in lesions])
        return 1 / (1 + np.exp(-(self.coefficients[0, 0] + rows @ self.coefficients[0, 1:])))

    def provenance(self) -> dict[str, Any]:
        """Name, digest and training data, for the outputs."""
        return {key: self.card[key] for key in ("name", "sha256", "training_data", "license")}


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
