"""Training of the descriptor risk model, and the malignant share of each word, from tables like those of CBIS-DDSM."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.model_folder import write_model_folder
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance, sha256_of_file
from ..base.tables import write_table
from ..lexicon.cbis import read_cbis
from ..lexicon.descriptor_model import KIND, MODEL_FILE, SCHEMA, DescriptorModel, Descriptors, Encoding
from ..lexicon.vocabulary import KINDS, Word, in_cbis, words
from ..statistics import auc, bootstrap_estimate
from ..statistics.calibration import calibration_summary
from ..statistics.estimate import proportion
from ..statistics.resampling import interval_of_ratio, resampled_counts

_PENALTIES = (0.03, 0.1, 0.3, 1.0)  # scikit-learn's C; weaker ones make words without a malignant lesion certain
_FOLDS = 10
_REPEATS = 3
_FEWEST = 2  # lesions a word needs to become a column
_TREES = {"n_estimators": 60, "num_leaves": 4, "learning_rate": 0.05, "min_child_samples": 20, "reg_lambda": 1.0}


@dataclass(frozen=True)
class DescriptorTraining:
    """How the model is fitted.

    Parameters
    ----------
    bootstrap_samples : int
        Refits on drawn patients, from which the intervals come.
    resamples : int
        Bootstrap samples for the intervals of the figures.
    seed : int
    """

    bootstrap_samples: int = 300
    resamples: int = 2000
    seed: int = 1


def train_descriptor_model(
    training_csv: Path,
    test_csv: Path,
    output: Path,
    training: DescriptorTraining | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Fit the descriptor risk model, test it, and write its folder.

    The regularization is chosen by log loss in a cross-validation grouped by patient. A model of shallow trees
    (LightGBM) is fitted in the same folds, so that the card shows what the simpler model gives away.

    Parameters
    ----------
    training_csv, test_csv : Path
        Tables as :func:`~MicrocalcAILib.lexicon.cbis.read_cbis` reads them. No patient may be in both.
    output : Path
        Model folder to write.

    Returns
    -------
    dict
        The model's card, with all figures.

    Raises
    ------
    ParameterError
        When a table cannot be used, or a patient is in both.
    """
    training = training or DescriptorTraining()
    table, test = read_cbis(training_csv), read_cbis(test_csv)
    shared = set(table["patient"]) & set(test["patient"])
    if shared:
        raise ParameterError(f"{len(shared)} patients are in the training and in the test table; separate them first.")
    penalty, comparison, unseen = _chosen(table, training, progress)
    encoding = _encoding(table)
    coefficients = _bootstrapped(table, encoding, penalty, training, progress)
    prevalence = float(table["malignant"].mean())
    model = DescriptorModel(encoding, coefficients, {"prevalence": prevalence})
    progress("figures", 0, 1)
    predicted = model.probabilities(_descriptors(test))
    card = {
        "name": "Descriptor risk model (CBIS-DDSM)",
        "description": "P(malignant | BI-RADS words, breast density), regularized logistic regression.",
        "cohort": "CBIS-DDSM",
        "prevalence": prevalence,
        "training_data": (
            f"CBIS-DDSM calcification tables: {_size(table)} for training, {_size(test)} for the test. BI-RADS "
            "assessment and subtlety were not used. Benign without call-back counts as benign."
        ),
        "limits": [
            "Digitized screen-film mammograms of 1988 to 1999 from four institutions in the United States; the words "
            "are those of the lexicon of that time, given by their radiologists.",
            "Enriched with cancers: not a screening population, nor today's biopsies. Give the prevalence.",
            "In this table “pleomorphic” included what is called coarse heterogeneous today; the model has no such "
            "word, and none for suture.",
            "Distribution was not recorded for most lesions without call-back; an unknown distribution is taken as "
            "average. The figures “recorded_distribution” and “called_back” leave such easy lesions out.",
            "The tables hold no ages.",
        ],
        "license": "Model: Apache-2.0. Data: CC BY 3.0, Lee, Gimenez, Hoogi, Miyake, Gorovoy, Rubin: A curated "
        "mammography data set for use in computer-aided detection and diagnosis research, Scientific Data 4:170177 "
        "(2017), doi 10.7937/K9/TCIA.2016.7O02S9CY",
        "command": f"microcalc train descriptors --table {Path(training_csv).name} --test-table {Path(test_csv).name} "
        f"--output {Path(output).name}",
        "sources_sha256": {Path(path).name: sha256_of_file(path) for path in (training_csv, test_csv)},
        "penalty": penalty,
        "comparison": comparison,
        "cross_validation": _figures(table, unseen, training),
        "test": _figures(test, predicted, training),
        "provenance": provenance(),
    }
    card = write_model_folder(output, KIND, SCHEMA, card, {MODEL_FILE: model.to_json()})
    progress("figures", 1, 1)
    return card


def cbis_predictive_values(tables: Iterable[Path], output: Path, resamples: int = 2000, seed: int = 1) -> pd.DataFrame:
    """Malignant share of every word in tables like those of CBIS-DDSM, as a CSV file.

    A lesion with several words counts for each. Intervals come from the bootstrap over patients; where all or no
    lesions are malignant, from Clopper and Pearson with one lesion per patient.

    Returns
    -------
    DataFrame
        Columns of ``predictive_values.csv``: ``kind``, ``word``, ``cohort``, ``percent``, ``low_percent``,
        ``high_percent``, ``cases`` (distinct lesions), ``note``.
    """
    table = pd.concat([read_cbis(path) for path in tables], ignore_index=True)
    rows = []
    for kind in KINDS:
        for name, entry in words(kind).items():
            described = table[[in_cbis(kind, name) in given for given in table[kind]]]
            if described.empty:
                continue
            value, low, high = _malignant_share(described, resamples, seed)
            rows.append(
                (
                    *(kind, name, "cbis", *(round(100 * share, 1) for share in (value, low, high))),
                    *(described["lesion"].nunique(), _note(kind, entry, described["patient"].nunique())),
                )
            )
    columns = ["kind", "word", "cohort", "percent", "low_percent", "high_percent", "cases", "note"]
    result = pd.DataFrame(rows, columns=columns)
    with replaced_on_success(output) as temporary:
        write_table(result, temporary)
    return result


def _note(kind: str, entry: Word, patients: int) -> str:
    spelled = ", ".join(name.replace("_", " ").lower() for name in entry.cbis)
    together = [other.name for other in words(kind).values() if other.cbis == entry.cbis]
    note = f"{patients} patient{'s' if patients > 1 else ''}"
    if len(together) > 1:
        return f"{note}; {' and '.join(together)} together"
    return note if spelled == entry.name else f"{note}; there called {spelled}"


def _malignant_share(described: pd.DataFrame, resamples: int, seed: int) -> tuple[float, float, float]:
    patients = described.groupby("patient")["malignant"].agg(["sum", "size"])
    value = float(described["malignant"].mean())
    if 0 < value < 1:
        low, high = interval_of_ratio(
            patients["sum"].to_numpy(), patients["size"].to_numpy(), resamples, seed, confidence=0.95
        )
        return value, low, high
    exact = proportion(round(value * len(patients)), len(patients), method="clopper-pearson")
    return exact.value, exact.low, exact.high


def _size(table: pd.DataFrame) -> str:
    return f"{len(table):,} rows ({table['lesion'].nunique()} lesions, {table['patient'].nunique()} patients)"


def _descriptors(table: pd.DataFrame) -> list[Descriptors]:
    columns = (table[name].tolist() for name in ("morphology", "distribution", "density", "age"))
    return [
        Descriptors(morphology, distribution, *(None if math.isnan(number) else number for number in (density, age)))
        for morphology, distribution, density, age in zip(*columns, strict=True)
    ]


def _encoding(table: pd.DataFrame) -> Encoding:
    known: dict[str, tuple[str, ...]] = {}
    means: dict[str, float] = {}
    for kind in KINDS:
        given = table[kind][table[kind].map(len) > 0]
        counts = {name: sum(name in names for names in given) for name in words(kind)}
        known[kind] = tuple(name for name, count in counts.items() if count >= _FEWEST)
        means |= {name: counts[name] / len(given) for name in known[kind]}
    means |= {name: float(table[name].mean()) for name in ("density", "age") if table[name].notna().any()}
    return Encoding(known["morphology"], known["distribution"], means)


def _matrix(table: pd.DataFrame, encoding: Encoding) -> NDArray[np.float64]:
    return np.array([encoding.row(lesion) for lesion in _descriptors(table)])


def _fit(values: NDArray[np.float64], malignant: NDArray[np.bool_], penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, max_iter=2000).fit(values, malignant)


def _fit_trees(values: NDArray[np.float64], malignant: NDArray[np.bool_], seed: int) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**_TREES, random_state=seed, n_jobs=1, deterministic=True, verbose=-1).fit(values, malignant)


def _chosen(
    table: pd.DataFrame, training: DescriptorTraining, progress: Progress
) -> tuple[float, list[dict[str, Any]], NDArray[np.float64]]:
    """The penalty, the comparison of all models, and the chosen one's probabilities for patients it did not see."""
    from sklearn.metrics import roc_auc_score

    makers: dict[str, Callable[..., Any]] = {
        f"logistic regression, C = {penalty:g}": lambda values, malignant, penalty=penalty: _fit(
            values, malignant, penalty
        )
        for penalty in _PENALTIES
    }
    makers["LightGBM, 60 trees of 4 leaves"] = lambda values, malignant: _fit_trees(values, malignant, training.seed)
    malignant = table["malignant"].to_numpy()
    losses: dict[str, list[float]] = {name: [] for name in makers}
    unseen = {name: np.zeros((_REPEATS, len(table))) for name in makers}
    for repeat in range(_REPEATS):
        for fold, (learn, predict) in enumerate(_grouped_folds(table, training.seed + repeat)):
            progress("cross-validation", repeat * _FOLDS + fold, _REPEATS * _FOLDS)
            encoding = _encoding(table.iloc[learn])
            values = _matrix(table, encoding)
            for name, maker in makers.items():
                fitted = maker(values[learn], malignant[learn])
                unseen[name][repeat, predict] = _positive(fitted, values[predict])
                losses[name].append(_log_loss(malignant[predict], unseen[name][repeat, predict]))
    comparison: list[dict[str, Any]] = [
        {
            "model": name,
            "log_loss": float(np.mean(losses[name])),
            "log_loss_standard_error": float(np.std(losses[name], ddof=1) / np.sqrt(_FOLDS)),
            "auc": float(np.mean([roc_auc_score(malignant, run) for run in unseen[name]])),
        }
        for name in makers
    ]
    chosen = int(np.argmin([entry["log_loss"] for entry in comparison[: len(_PENALTIES)]]))
    for index, entry in enumerate(comparison):
        entry["chosen"] = index == chosen
    return _PENALTIES[chosen], comparison, unseen[comparison[chosen]["model"]][0]


def _grouped_folds(table: pd.DataFrame, seed: int) -> Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    from sklearn.model_selection import StratifiedGroupKFold

    folds: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]] = StratifiedGroupKFold(
        _FOLDS, shuffle=True, random_state=seed
    ).split(table, table["malignant"], table["patient"])
    return folds


def _positive(fitted: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(fitted.predict_proba(values)[:, 1], np.float64)


def _log_loss(malignant: NDArray[np.bool_], predicted: NDArray[np.float64]) -> float:
    return float(-np.mean(np.log(np.where(malignant, predicted, 1 - predicted))))


def _bootstrapped(
    table: pd.DataFrame, encoding: Encoding, penalty: float, training: DescriptorTraining, progress: Progress
) -> NDArray[np.float64]:
    """Intercept and coefficients of the fit to the table, then of the fits to drawn patients."""
    values, malignant = _matrix(table, encoding), table["malignant"].to_numpy()
    patients, which = np.unique(table["patient"].to_numpy(), return_inverse=True)
    weights = resampled_counts(len(patients), training.bootstrap_samples, training.seed)[:, which]
    rows = [_fit(values, malignant, penalty)]
    for number, weight in enumerate(weights):
        progress("bootstrap", number, len(weights))
        drawn = np.repeat(np.arange(len(table)), weight)
        rows.append(_fit(values[drawn], malignant[drawn], penalty))
    return np.array([[fitted.intercept_[0], *fitted.coef_[0]] for fitted in rows])


def _figures(table: pd.DataFrame, predicted: NDArray[np.float64], training: DescriptorTraining) -> dict[str, Any]:
    """Area under the curve (interval: bootstrap over patients) and calibration, for all and for harder lesions."""
    subsets = {
        "all": np.ones(len(table), np.bool_),
        "recorded_distribution": (table["distribution"].map(len) > 0).to_numpy(),
        "called_back": table["called_back"].to_numpy(),
    }
    malignant, patients = table["malignant"].to_numpy(), table["patient"].to_numpy()
    figures = {}
    for name, chosen in subsets.items():
        outcome, probability = malignant[chosen], predicted[chosen]
        if len(set(outcome)) < 2:
            continue
        area = bootstrap_estimate(
            functools.partial(_area, outcome, probability),
            patients[chosen],
            resamples=training.resamples,
            seed=training.seed,
            method="percentile",
        )
        figures[name] = {
            "rows": int(chosen.sum()),
            "lesions": int(table["lesion"][chosen].nunique()),
            "patients": int(table["patient"][chosen].nunique()),
            "malignant_rows": int(outcome.sum()),
            "auc": area.as_dict(),
            "calibration": calibration_summary(outcome, probability),
        }
    return figures


def _area(malignant: NDArray[np.bool_], predicted: NDArray[np.float64], cases: NDArray[np.intp]) -> float:
    """Area under the curve of some cases; NaN when they are all alike."""
    outcome = malignant[cases]
    return auc(outcome, predicted[cases]).value if 1 < outcome.sum() < len(outcome) - 1 else math.nan
