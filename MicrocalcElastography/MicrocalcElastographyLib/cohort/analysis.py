"""A whole study: every analysis of a cohort in order, and what has to be kept in mind when reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.notebook import card
from MicrocalcAILib.base.progress import Progress, no_progress
from MicrocalcAILib.base.provenance import provenance

from .associations import Correlation, correlate
from .combinations import Combination, PairedComparison, combine_parameters, compare_parameters
from .diagnostics import YOUDEN, GivenCutoff, Performance, parameter_performance
from .firth import RegressionError
from .fusion_model import FusionModel, fit_fusion
from .groups import Comparison, compare_groups
from .lesions import Cohort
from .points import PointsTable, points_table
from .protocol import StudyProtocol
from .quality import Quality, assess_quality
from .readers import Agreement, assess_agreement
from .regression import Regression, regress
from .strata import Stratification, default_strata, stratify

PREVALENCES_SHOWN = (0.1, 0.25)


@dataclass(frozen=True)
class StudyOptions:
    """What the user may decide.

    Parameters
    ----------
    title : str
        Heading of the report.
    model : tuple of str
        Variables of the multivariable model; empty: chosen by univariate P below 0.10.
    strata : tuple of str
        Columns to stratify by; empty: every category that describes patient or lesion.
    cutoffs : mapping
        Column → cut-offs fixed before looking at these lesions.
    low_is_suspicious : tuple of str
        Columns whose low values go with malignancy, said beforehand.
    prevalence : float, optional
        Share of malignant lesions where the test will be used.
    resamples, seed : int
        Of every bootstrap and cross-validation.
    protocol : StudyProtocol, optional
        Its cut-offs, directions, subgroups, model and prevalence come first and are marked as prespecified; what is
        given beside it is exploratory.

    Raises
    ------
    ParameterError
        When a number is out of its range.
    """

    title: str = "Elastography cohort"
    model: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    cutoffs: Mapping[str, tuple[GivenCutoff, ...]] = field(default_factory=dict)
    low_is_suspicious: tuple[str, ...] = ()
    prevalence: float | None = None
    resamples: int = 1000
    seed: int = 0
    protocol: StudyProtocol | None = None

    def __post_init__(self) -> None:
        if self.prevalence is not None and not 0 < self.prevalence < 1:
            raise ParameterError("The prevalence must lie between 0 and 1, 0.2 for 20 %.")
        if not 100 <= self.resamples <= 100_000:
            raise ParameterError("The number of bootstrap samples must lie between 100 and 100,000.")

    def with_protocol(self) -> StudyOptions:
        """The options with what the protocol fixes put first; the same without a protocol.

        Raises
        ------
        ParameterError
            When a model or a prevalence is given beside the protocol's own.
        """
        protocol = self.protocol
        if protocol is None:
            return self
        for name, given, fixed in (
            ("model", self.model, protocol.model),
            ("prevalence", self.prevalence, protocol.prevalence),
        ):
            if given and fixed and given != fixed:
                raise ParameterError(f"The protocol fixes the {name}; please leave out the other one.")
        added = {
            name: tuple(replace(cutoff, is_prespecified=False) for cutoff in cutoffs)
            for name, cutoffs in self.cutoffs.items()
        }
        names = [*protocol.cutoffs, *(name for name in added if name not in protocol.cutoffs)]
        return replace(
            self,
            model=protocol.model or self.model,
            prevalence=protocol.prevalence if protocol.prevalence is not None else self.prevalence,
            cutoffs={name: (*protocol.cutoffs.get(name, ()), *added.get(name, ())) for name in names},
            low_is_suspicious=(*protocol.low_suspicious, *self.low_is_suspicious),
        )

    @property
    def prevalences(self) -> tuple[float, ...]:
        """The stated prevalence, or two that are usual when none was stated."""
        return PREVALENCES_SHOWN if self.prevalence is None else (self.prevalence,)


@dataclass(frozen=True)
class CohortAnalysis:
    """Everything found in one cohort; parts that could not be computed are empty or None.

    ``regression_problem`` says why there is no regression.
    """

    cohort: Cohort
    options: StudyOptions
    comparisons: tuple[Comparison, ...]
    performances: tuple[Performance, ...]
    pairs: tuple[PairedComparison, ...]
    combinations: tuple[Combination, ...]
    stratifications: tuple[Stratification, ...]
    regression: Regression | None
    regression_problem: str
    points: PointsTable | None
    correlations: tuple[Correlation, ...]
    agreement: Agreement | None
    fusion: FusionModel | None
    quality: Quality | None
    provenance: dict[str, Any]

    @property
    def prevalences(self) -> tuple[float, ...]:
        """Shares of malignant lesions for which predictive values are shown."""
        return self.options.prevalences

    @property
    def best(self) -> Performance | None:
        """The parameter with the largest AUC."""
        return max(self.performances, key=lambda performance: performance.auc.value, default=None)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        malignant = self.cohort.malignant
        areas = pd.DataFrame(
            [
                {
                    "parameter": each.variable.title,
                    "AUC": each.auc.value,
                    "95 % from": each.auc.low,
                    "to": each.auc.high,
                    "best cut-off": each.cutoffs[0].value if each.cutoffs else float("nan"),
                }
                for each in self.performances
            ]
        )
        return card(f"{len(malignant)} lesions, {int(malignant.sum())} malignant", table=areas)


def analyze_cohort(
    cohort: Cohort,
    options: StudyOptions,
    *,
    inputs: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> CohortAnalysis:
    """Run every analysis the cohort allows.

    Parameters
    ----------
    inputs : mapping, optional
        Digests of the input files, for the provenance.
    progress : Progress

    Raises
    ------
    TableError
        When the options name a column that the cohort does not have.
    """
    steps = ("groups", "cut-offs", "combinations", "strata", "regression", "agreement")

    def report(stage: str) -> None:
        progress(stage, steps.index(stage), len(steps))

    options = options.with_protocol()
    subgroups = () if options.protocol is None else options.protocol.subgroups
    for name in (*subgroups, *options.model, *options.strata, *options.cutoffs, *options.low_is_suspicious):
        cohort.variable(name)
    seed = options.seed
    report("groups")
    comparisons = compare_groups(cohort, seed)
    report("cut-offs")
    given = {cohort.variable(name).name: values for name, values in options.cutoffs.items()}
    low = {cohort.variable(name).name for name in options.low_is_suspicious}
    found = (
        parameter_performance(
            cohort,
            variable,
            cutoffs_given=given.get(variable.name, ()),
            is_high_suspicious=False if variable.name in low else None,
            resamples=options.resamples,
            seed=seed,
        )
        for variable in cohort.parameters
    )
    performances = tuple(performance for performance in found if performance is not None)
    report("combinations")
    pairs = compare_parameters(cohort, performances)
    combinations = combine_parameters(cohort, performances, resamples=options.resamples, seed=seed)
    report("strata")
    chosen = tuple(cohort.variable(name) for name in options.strata) or default_strata(cohort)
    strata = tuple(dict.fromkeys([*(cohort.variable(name) for name in subgroups), *chosen]))
    stratifications = tuple(stratify(cohort, performance, by) for by in strata for performance in performances)
    report("regression")
    regression, problem = None, ""
    try:
        regression = regress(cohort, options.model, prevalences=options.prevalences, seed=seed)
    except RegressionError as error:
        problem = str(error)
    report("agreement")
    verdicts = {performance.variable.name: _verdict_cutoffs(performance) for performance in performances}
    agreement = assess_agreement(cohort, verdicts)
    progress("done", len(steps), len(steps))
    return CohortAnalysis(
        cohort=cohort,
        options=options,
        comparisons=comparisons,
        performances=performances,
        pairs=pairs,
        combinations=combinations,
        stratifications=stratifications,
        regression=regression,
        regression_problem=problem,
        points=None if regression is None else points_table(regression, options.prevalence),
        correlations=correlate(cohort),
        agreement=agreement,
        fusion=_fusion(cohort),
        quality=assess_quality(cohort, performances),
        provenance=provenance(inputs=dict(inputs or {}), seed=seed, resamples=options.resamples),
    )


def _verdict_cutoffs(performance: Performance) -> tuple[float, ...]:
    """Youden's optimum and the cut-offs fixed beforehand, for the readers' kappa."""
    values = [cutoff.value for cutoff in performance.cutoffs if cutoff.rule == YOUDEN or not cutoff.is_chosen_here]
    return tuple(dict.fromkeys(value for value in values if np.isfinite(value)))


def _fusion(cohort: Cohort) -> FusionModel | None:
    """Mammographic probability with the first stiffness, when the cohort has both."""
    probabilities = [variable for variable in cohort.parameters if variable.key == "probability"]
    stiffness = [variable for variable in cohort.parameters if variable.key.startswith(("elasticity", "velocity"))]
    if not probabilities or not stiffness:
        return None
    try:
        return fit_fusion(cohort, stiffness[0], probabilities[0])
    except ParameterError:
        return None
