"""How many readers and cases the next reader study needs, from the variances of a study that was done.

References
----------
Hillis, Obuchowski, Berbaum: Power estimation for multireader ROC methods: an updated and unified approach. Acad Radiol
18:129 (2011).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..base.errors import ParameterError
from .reader_study import BOTH_RANDOM, CASES_RANDOM, READERS_RANDOM, ReaderVariances

_MOST_CASES = 100_000


@dataclass(frozen=True)
class ReaderStudyPower:
    """What a study of two modalities would reach.

    Parameters
    ----------
    readers, cases : int
    power : float
        Probability that the test of no difference gives P < alpha.
    noncentrality, degrees_of_freedom : float
        Of the statistic when the difference is as assumed; the latter is infinite for chi-square (fixed readers).
    """

    readers: int
    cases: int
    power: float
    noncentrality: float
    degrees_of_freedom: float


def reader_study_power(
    variances: ReaderVariances,
    pilot_cases: int,
    difference: float,
    readers: int,
    cases: int,
    *,
    analysis: str = BOTH_RANDOM,
    alpha: float = 0.05,
) -> ReaderStudyPower:
    """Power of a fully crossed study of two modalities.

    Covariances over cases shrink with the number of cases, at the same share of diseased cases; the variance between
    readers stays. A negative estimate of a variance counts as 0.

    Parameters
    ----------
    variances : ReaderVariances
        Of the study that was done, with ``pilot_cases`` cases (patients, where the jackknife left out patients).
    pilot_cases : int
    difference : float
        Between the modalities' figures of merit that the study is to find.
    readers, cases : int
        Of the planned study; at least two readers.
    analysis : {"random readers and cases", "fixed readers", "fixed cases"}
    alpha : float

    Raises
    ------
    ParameterError
        When a number is out of range or the analysis is unknown.
    """
    from scipy.stats import chi2, f, ncf, ncx2

    if readers < 2 or cases < 2 or pilot_cases < 2:
        raise ParameterError("A reader study needs at least two readers and two cases.")
    if not 0 < alpha < 1:
        raise ParameterError(f"The level of a test lies between 0 and 1, not at {alpha:g}.")
    if difference == 0 or not math.isfinite(difference):
        raise ParameterError("Give the difference that the study is to find; it is not 0.")
    scale = pilot_cases / cases
    own = scale * max(variances.error - variances.same_reader, 0.0)
    between = scale * max(variances.same_modality - variances.different, 0.0)
    of_readers = max(variances.modality_reader, 0.0)
    mean_square = of_readers + max(own - between, 0.0)
    df = float(readers - 1)
    if analysis == BOTH_RANDOM:
        term = of_readers + own + (readers - 1) * between
        df *= (term / mean_square) ** 2 if mean_square > 0 else math.inf
    elif analysis == CASES_RANDOM:
        term, df = own + (readers - 1) * between, math.inf
    elif analysis == READERS_RANDOM:
        term = mean_square
    else:
        names = f"{BOTH_RANDOM}, {CASES_RANDOM} or {READERS_RANDOM}"
        raise ParameterError(f"“{analysis}” is not an analysis; choose {names}.")
    if term <= 0:
        raise ParameterError("The study that was done shows no variance; nothing can be planned from it.")
    noncentrality = readers * difference**2 / 2 / term
    if math.isinf(df):
        power = ncx2.sf(chi2.isf(alpha, 1), 1, noncentrality)
    else:
        power = ncf.sf(f.isf(alpha, 1, df), 1, df, noncentrality)
    return ReaderStudyPower(readers, cases, float(power), float(noncentrality), df)


def required_cases(
    variances: ReaderVariances,
    pilot_cases: int,
    difference: float,
    readers: int,
    *,
    power: float = 0.8,
    analysis: str = BOTH_RANDOM,
    alpha: float = 0.05,
) -> ReaderStudyPower | None:
    """The smallest study of so many readers that reaches the power; None when no number of cases does.

    Parameters
    ----------
    variances, pilot_cases, difference, readers, analysis, alpha
        As in :func:`reader_study_power`.
    power : float

    Raises
    ------
    ParameterError
        See :func:`reader_study_power`.
    """
    if not alpha < power < 1:
        raise ParameterError(f"A power lies between the test's level and 1, not at {power:g}.")

    def with_cases(cases: int) -> ReaderStudyPower:
        return reader_study_power(variances, pilot_cases, difference, readers, cases, analysis=analysis, alpha=alpha)

    too_few, enough = 1, _MOST_CASES
    if with_cases(enough).power < power:
        return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if with_cases(middle).power < power:
            too_few = middle
        else:
            enough = middle
    return with_cases(enough)
