"""Training of the selector of candidates on simulated calcifications in real and simulated backgrounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ..base.model_folder import model_kind, read_model_files, write_model_folder
from ..base.parameters import AnalysisParameters, CandidateParameters
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..evaluation.matching import MatchingRule
from ..networks.regressor import KIND as REGRESSOR_KIND
from ..networks.regressor import REGRESSED, SpeckRegressor
from ..networks.regressor import SCHEMA as REGRESSOR_SCHEMA
from ..networks.runtime import Runtime
from ..networks.selector import KIND as NETWORK_KIND
from ..networks.selector import SCHEMA as NETWORK_SCHEMA
from ..phantom import Phantom, PhantomParameters, simulate
from ..reading.mammogram import Mammogram
from ..segmentation.candidates import Candidates
from ..segmentation.measurements import MEASUREMENTS
from ..segmentation.selection import (
    KIND,
    MODEL_FILES,
    NEIGHBORHOODS_MM,
    SCHEMA,
    with_neighborhood,
    without_overlaps,
)
from .backgrounds import BackgroundImage, numbered_backgrounds
from .measured_candidates import MeasuredCandidates, measured, thresholds_at

_RISING = {"response", "contrast_to_noise", "peak_contrast_to_noise", *REGRESSED}  # more contrast is never less likely
RATES_PER_CM2 = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0)
_FOLDS = 5
_UNLABELED_PROBABILITY, _UNLABELED_RESPONSE = 0.5, 12.0
_TREES = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class SelectorTraining:
    """How much is simulated and learned.

    Parameters
    ----------
    phantoms_per_background : int
    simulated_backgrounds : int
        Power-law backgrounds beside the real images.
    trees : int
    seed : int
    """

    phantoms_per_background: int = 4
    simulated_backgrounds: int = 4
    trees: int = 300
    seed: int = 1


@dataclass(frozen=True)
class _Example:
    """The candidates of one phantom with what they are: 1 calcification, 0 not, −1 neither (not learned from)."""

    candidates: Candidates
    values: NDArray[np.float64]
    positions_mm: NDArray[np.float64]
    truth: NDArray[np.int8]
    shape: tuple[int, int]
    breast_area_cm2: float
    patient: str
    is_real: bool


def train_selector(
    backgrounds: list[BackgroundImage],
    output: Path,
    training: SelectorTraining | None = None,
    parameters: AnalysisParameters | None = None,
    regressor_folder: Path | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train the selector and write its model folder.

    With a regressor's folder (or that of a selector with networks), what its networks say about each candidate joins
    the measurements, and the networks go into the model folder. Each candidate is learned with networks that saw
    nothing of its patient, where there are such. Thresholds come from predictions on patients (and simulated
    backgrounds) that the predicting models did not see.

    Returns
    -------
    dict
        The model's card.
    """
    training = training or SelectorTraining()
    parameters = parameters or AnalysisParameters()
    measure = _Measure.with_networks(regressor_folder) if regressor_folder else _Measure()
    examples = list(_examples(backgrounds, training, parameters, measure, progress))
    progress("first judgment", 0, 1)
    alone = [example.values for example in examples]
    unseen = _cross_validated(alone, examples, training, measure)
    learned = [_without_unlabeled(example, judged) for example, judged in zip(examples, unseen, strict=True)]
    unseen = _cross_validated(alone, learned, training, measure)
    progress("second judgment", 0, 1)
    together = [
        with_neighborhood(example.values, probabilities, example.positions_mm)
        for example, probabilities in zip(examples, unseen, strict=True)
    ]
    unseen = _cross_validated(together, learned, training, measure)
    progress("final models", 0, 1)
    models = [_fit(values, learned, training, measure).model_to_string() for values in (alone, together)]
    card = {
        "name": "Speck selector",
        "description": f"Probability that a candidate is a calcification, from {measure.words} and its neighbors.",
        "measurements": list(measure.names),
        "candidate_parameters": asdict(parameters.candidates),
        "operating_points": _operating_points(examples, unseen),
        "training_data": (
            f"Simulated calcifications in {len(backgrounds)} real images of "
            f"{len({image.patient for image in backgrounds})} patients and {training.simulated_backgrounds} simulated "
            f"backgrounds, {training.phantoms_per_background} phantoms each; bright specks in the real images, which "
            "may be unlabeled calcifications, were left out. Not trained on annotated patients."
        ),
        "training_images": [f"{image.path.parent.name}/{image.path.name}" for image in backgrounds],
        "training": asdict(training),
        "calcifications": int(sum((example.truth == 1).sum() for example in examples)),
        "other_candidates": int(sum((example.truth == 0).sum() for example in examples)),
        "license": "Apache-2.0",
        "provenance": provenance(),
    }
    files: dict[str, str | bytes] = {**dict(zip(MODEL_FILES, models, strict=True)), **measure.weights}
    if measure.regressor is not None:
        card |= {"regressor": measure.regressor.card}
        card = write_model_folder(output, NETWORK_KIND, NETWORK_SCHEMA, card, files)
    else:
        card = write_model_folder(output, KIND, SCHEMA, card, files)
    progress("final models", 1, 1)
    return card


def _examples(
    backgrounds: list[BackgroundImage],
    training: SelectorTraining,
    parameters: AnalysisParameters,
    measure: _Measure,
    progress: Progress,
) -> Iterator[_Example]:
    total = len(backgrounds) + training.simulated_backgrounds
    for number, background, patient in numbered_backgrounds(backgrounds, training.simulated_backgrounds, training.seed):
        for repeat in range(training.phantoms_per_background):
            progress(
                "phantoms", number * training.phantoms_per_background + repeat, total * training.phantoms_per_background
            )
            phantom = simulate(background, [training.seed, number, repeat], PhantomParameters())
            yield _example(phantom, patient, parameters, measure)


@dataclass(frozen=True)
class _Measure:
    """What is known of each candidate: its measurements and, with networks, what they see there."""

    regressor: SpeckRegressor | None = None
    weights: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def with_networks(cls, folder: Path) -> _Measure:
        """The networks of a regressor's folder, or those of a selector's."""
        if model_kind(folder) == NETWORK_KIND:
            card, files = read_model_files(folder, NETWORK_KIND, NETWORK_SCHEMA)
            card, weights = card["regressor"], {name: text for name, text in files.items() if name not in MODEL_FILES}
        else:
            card, weights = read_model_files(folder, REGRESSOR_KIND, REGRESSOR_SCHEMA)
        return cls(SpeckRegressor.from_files(card, weights, Runtime.choose()), weights)

    @property
    def names(self) -> tuple[str, ...]:
        return (*MEASUREMENTS, *(() if self.regressor is None else REGRESSED))

    @property
    def words(self) -> str:
        return "its measurements" if self.regressor is None else "its measurements, what networks see around it,"

    def __call__(self, mammogram: Mammogram, patient: str, parameters: CandidateParameters) -> MeasuredCandidates:
        """The candidates of an image, seen by networks that did not see its patient."""
        unseen = None if self.regressor is None else self.regressor.without(patient)
        return measured(mammogram, parameters, unseen)


def _example(phantom: Phantom, patient: str, parameters: AnalysisParameters, measure: _Measure) -> _Example:
    mammogram = phantom.mammogram
    found = measure(mammogram, patient, parameters.candidates)
    candidates = found.candidates
    return _Example(
        candidates,
        found.values[list(measure.names)].to_numpy(np.float64),
        candidates.positions_mm(mammogram.spacing_mm),
        what_candidates_are(candidates, phantom.labels, mammogram.spacing_mm),
        (mammogram.pixels.shape[0], mammogram.pixels.shape[1]),
        found.breast.area_cm2,
        patient,
        phantom.parameters["background"]["kind"] == "image",
    )


def what_candidates_are(
    candidates: Candidates, labels: NDArray[np.int32], spacing_mm: tuple[float, float]
) -> NDArray[np.int8]:
    """1 for the candidates that outline a calcification well, 0 for those that touch none, −1 in between."""
    truth = np.zeros(len(candidates), np.int8)
    owner = np.repeat(np.arange(len(candidates)), candidates.areas)
    touched = labels[candidates.rows, candidates.columns]
    pairs, common = np.unique(np.stack((owner[touched > 0], touched[touched > 0])), axis=1, return_counts=True)
    candidate, calcification = pairs
    true_area = np.bincount(labels.ravel())
    overlap = common / (candidates.areas[candidate] + true_area[calcification] - common)
    best = np.zeros(len(true_area))
    np.maximum.at(best, calcification, overlap)
    truth[candidate] = -1

    rows, columns = np.nonzero(labels)
    weights = labels[rows, columns]
    center = [np.bincount(weights, axis) / np.maximum(true_area, 1) for axis in (rows, columns)]
    own_center = [np.bincount(owner, axis) / candidates.areas for axis in (candidates.rows, candidates.columns)]
    distance = np.hypot(
        (own_center[0][candidate] - center[0][calcification]) * spacing_mm[0],
        (own_center[1][candidate] - center[1][calcification]) * spacing_mm[1],
    )
    rule = MatchingRule()
    matches = (overlap >= rule.min_iou) | (distance <= rule.max_distance_mm)
    truth[candidate[matches & (overlap >= 0.5 * best[calcification])]] = 1
    return truth


def _without_unlabeled(example: _Example, probabilities: NDArray[np.float64]) -> _Example:
    """Real images hold calcifications that nobody labeled: bright specks there are not learned as their opposite."""
    truth = example.truth.copy()
    if example.is_real:
        truth[is_unlabeled(example.values[:, list(MEASUREMENTS).index("response")], probabilities, truth)] = -1
    return replace(example, truth=truth)


def is_unlabeled(
    responses: NDArray[np.floating], probabilities: NDArray[np.floating], truth: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Candidates of a real image that may be calcifications that nobody labeled: bright, likely, and not inserted."""
    return (truth == 0) & (responses > _UNLABELED_RESPONSE) & (probabilities > _UNLABELED_PROBABILITY)


def _cross_validated(
    values: list[NDArray[np.float64]], examples: list[_Example], training: SelectorTraining, measure: _Measure
) -> list[NDArray[np.float64]]:
    """Probabilities for each example from a model that saw none of its patient."""
    unseen: list[NDArray[np.float64]] = [np.empty(0)] * len(examples)
    patients = [example.patient for example in examples]
    for learn, predict in GroupKFold(min(_FOLDS, len(set(patients)))).split(examples, groups=patients):
        booster = _fit([values[i] for i in learn], [examples[i] for i in learn], training, measure)
        for i in predict:
            unseen[i] = booster.predict(values[i])
    return unseen


def _fit(
    values: list[NDArray[np.float64]], examples: list[_Example], training: SelectorTraining, measure: _Measure
) -> Any:
    import lightgbm

    chosen, truth = [], []
    rng = np.random.default_rng(training.seed)
    share = 1 / training.phantoms_per_background  # a background's own specks return in each of its phantoms
    for table, example in zip(values, examples, strict=True):
        used = (example.truth == 1) | ((example.truth == 0) & (rng.random(len(example.truth)) < share))
        chosen.append(table[used])
        truth.append(example.truth[used])
    names = list(measure.names)
    if values[0].shape[1] > len(names):
        names += ["first_judgment", *(f"expected_within_{radius:g}mm" for radius in NEIGHBORHOODS_MM)]
    options = {**_TREES, "seed": training.seed, "monotone_constraints": [int(name in _RISING) for name in names]}
    data = lightgbm.Dataset(np.concatenate(chosen), np.concatenate(truth), feature_name=names)
    return lightgbm.train(options, data, num_boost_round=training.trees)


def _operating_points(examples: list[_Example], unseen: list[NDArray[np.float64]]) -> list[dict[str, float]]:
    """For rates of false marks per cm²: the threshold and the share of calcification candidates above it."""
    false_marks, true_marks = [], []
    for example, probabilities in zip(examples, unseen, strict=True):
        kept = without_overlaps(example.candidates, probabilities, example.shape)
        false_marks.append(probabilities[kept][example.truth[kept] == 0])
        true_marks.append(probabilities[kept][example.truth[kept] == 1])
    true_sorted = np.sort(np.concatenate(true_marks))
    area = sum(example.breast_area_cm2 for example in examples)
    points = []
    for rate, threshold in thresholds_at(np.concatenate(false_marks), area, RATES_PER_CM2):
        share = (true_sorted >= threshold).sum() / max(len(true_sorted), 1)
        points.append(
            {
                "false_marks_per_cm2": rate,
                "threshold": threshold,
                "share_of_matching_candidates": round(float(share), 4),
            }
        )
    return points
