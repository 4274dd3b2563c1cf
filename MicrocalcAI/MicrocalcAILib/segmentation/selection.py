"""Which candidates are calcifications: a probability for each, from its measurements and its neighbors.

The selector is two small ensembles of shallow trees (LightGBM, stored as text). The first judges each candidate by the
measurements in ``measurements.MEASUREMENTS``; the second judges it again, now knowing how many calcifications the first
expects around it, because calcifications come in groups. Both were trained on simulated calcifications in real and
simulated backgrounds; the card says on which. ``networks.selector`` adds what a neural network sees around each
candidate; anything that follows :class:`Selector` can take their place.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, WarningRecord
from ..base.kernels import kernel
from ..base.model_folder import read_model_folder
from ..base.parameters import CandidateParameters
from ..base.progress import Progress, no_progress
from ..base.trees import TreeEnsemble
from ..reading.mammogram import Mammogram
from .breast import BreastRegion
from .candidates import Candidates
from .measurements import MEASUREMENTS
from .neighborhoods import sums_around

KIND = "speck selector"
SCHEMA = 1
MODEL_FILES = ("speck.txt", "neighborhood.txt")
NEIGHBORHOODS_MM = (3.0, 6.0, 12.0)
_SAME_SPECK_MM = 0.35  # candidates closer than this may be the same calcification in two planes
_NEGLIGIBLE = 0.02  # probabilities below this add nothing to a neighborhood


class Selector(Protocol):
    """Gives every candidate a probability of being a calcification."""

    def judge(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        measurements: pd.DataFrame,
        progress: Progress,
    ) -> tuple[NDArray[np.float64], tuple[WarningRecord, ...]]:
        """Probability in [0, 1] for each candidate (row of the table), and what makes them doubtful."""

    def threshold(self, false_marks_per_cm2: float) -> float:
        """Probability above which that many false marks per cm² of breast are expected."""

    def warnings(self, parameters: CandidateParameters) -> tuple[WarningRecord, ...]:
        """What makes the probabilities of candidates found with these parameters doubtful."""

    def provenance(self) -> dict[str, Any]:
        """Name, digest and training data, for the outputs."""


@dataclass(frozen=True)
class MeasurementSelector:
    """Selector on measurements: two LightGBM text models with their card.

    Parameters
    ----------
    models : (str, str)
        LightGBM's text form of the first and the second judgment.
    card : dict
        Training data, figures, ``operating_points`` (false marks per cm² and the threshold that gave them on images
        without known calcifications), the measurements used and the SHA-256 of the models.
    notes : tuple of WarningRecord
        Said in every result, for example that a better selector could not be used.
    """

    models: tuple[str, str]
    card: dict[str, Any]
    notes: tuple[WarningRecord, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> MeasurementSelector:
        """Load a selector's folder.

        Raises
        ------
        ModelError
            When a file is missing, altered, or needs measurements that this version does not make.
        """
        card, files = read_model_folder(folder, KIND, SCHEMA)
        return cls.from_files(card, files, tuple(MEASUREMENTS), Path(folder).name)

    @classmethod
    def from_files(
        cls, card: dict[str, Any], files: Mapping[str, str], known: Sequence[str], name: str
    ) -> MeasurementSelector:
        """Selector from the card and the texts of a model folder; ``known`` are the measurements there can be."""
        try:
            models = (files[MODEL_FILES[0]], files[MODEL_FILES[1]])
            unknown = sorted(set(card["measurements"]) - set(known))
        except (KeyError, TypeError) as error:
            raise ModelError(f"The {KIND} “{name}” is incomplete ({error}); train it again.") from error
        if unknown:
            raise ModelError(f"The {KIND} “{name}” needs measurements unknown to this version: {unknown}.")
        return cls(models, card)

    def judge(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        measurements: pd.DataFrame,
        progress: Progress = no_progress,
    ) -> tuple[NDArray[np.float64], tuple[WarningRecord, ...]]:
        """As in :class:`Selector`; the pixels themselves are not looked at."""
        return self.probabilities(measurements, candidates.positions_mm(mammogram.spacing_mm)), ()

    def probabilities(self, measurements: pd.DataFrame, positions_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability in [0, 1] for each row of the table; positions are (y, x) of the peaks."""
        if len(measurements) == 0:
            return np.empty(0)
        values = measurements[self.card["measurements"]].to_numpy(np.float64)
        return judged_twice(*self._ensembles, values, positions_mm)

    @functools.cached_property
    def _ensembles(self) -> tuple[TreeEnsemble, TreeEnsemble]:
        return TreeEnsemble(self.models[0]), TreeEnsemble(self.models[1])

    def threshold(self, false_marks_per_cm2: float) -> float:
        """Probability above which that many false marks per cm² of breast are expected (log-linear between points)."""
        points = sorted(self.card["operating_points"], key=lambda point: float(point["false_marks_per_cm2"]))
        rates = np.log([point["false_marks_per_cm2"] for point in points])
        return float(np.interp(np.log(false_marks_per_cm2), rates, [point["threshold"] for point in points]))

    def warnings(self, parameters: CandidateParameters) -> tuple[WarningRecord, ...]:
        """The notes, and one warning when the candidates were found in another way than those in training."""
        if asdict(parameters) == self.card["candidate_parameters"]:
            return self.notes
        message = "Candidate parameters differ from those the selector was trained with; its probabilities do not hold."
        return (*self.notes, WarningRecord("candidates-unlike-training", message))

    def provenance(self) -> dict[str, Any]:
        """Name, digest and training data, for the outputs."""
        return {key: self.card[key] for key in ("name", "sha256", "training_data", "origin") if key in self.card}


def judged_twice(
    first: TreeEnsemble, second: TreeEnsemble, values: NDArray[np.float64], positions_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability of each candidate: judged alone, then together with what its neighbors were judged to be."""
    return second.predict(with_neighborhood(values, first.predict(values), positions_mm))


def with_neighborhood(
    values: NDArray[np.float64], probabilities: NDArray[np.float64], positions_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measurements, the first judgment, and the number of calcifications it expects within each neighborhood.

    Parameters
    ----------
    values : float array, shape (candidates, measurements)
    probabilities : float array, shape (candidates,)
    positions_mm : float array, shape (candidates, 2)

    Returns
    -------
    float array, shape (candidates, measurements + 1 + neighborhoods)
    """
    likely = probabilities > _NEGLIGIBLE
    expected = sums_around(
        positions_mm, positions_mm[likely], probabilities[likely], NEIGHBORHOODS_MM, beyond_mm=_SAME_SPECK_MM
    )[..., 0]
    return np.column_stack((values, probabilities, expected))


def without_overlaps(
    candidates: Candidates, probabilities: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Indices of the candidates that share no pixel with a more probable one, most probable first.

    Parameters
    ----------
    candidates : Candidates
    probabilities : float array, shape (candidates,)
        Candidates with probability 0 are left out.
    shape : (int, int)
        Rows and columns of the image.
    """
    order = np.argsort(-probabilities, kind="stable")
    order = order[probabilities[order] > 0]
    taken = np.zeros(shape, np.bool_)
    return order[_take_in_order(candidates.rows, candidates.columns, candidates.starts, order, taken)]


@kernel
def _take_in_order(rows, columns, starts, order, taken):  # type: ignore[no-untyped-def]
    kept = np.zeros(len(order), np.bool_)
    for position in range(len(order)):
        index = order[position]
        free = True
        for pixel in range(starts[index], starts[index + 1]):
            if taken[rows[pixel], columns[pixel]]:
                free = False
                break
        if free:
            kept[position] = True
            for pixel in range(starts[index], starts[index + 1]):
                taken[rows[pixel], columns[pixel]] = True
    return kept
