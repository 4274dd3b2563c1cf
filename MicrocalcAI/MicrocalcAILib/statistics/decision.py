"""Is acting on a probability worth it? Net benefit and the decision curve, with intervals by patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..base.errors import ParameterError
from .cases import checked_cases
from .clustered import resampled_units
from .resampling import percentile_interval


def decision_curve(
    outcome: ArrayLike,
    probability: ArrayLike,
    thresholds: Sequence[float],
    *,
    prevalence: float | None = None,
    patients: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Net benefit of acting (a biopsy) from a probability on, beside acting on everyone and on no one (0).

    Net benefit = sensitivity·π − (1 − specificity)·(1 − π)·t/(1 − t) per case: a true positive counts 1, a false
    positive as much less as the threshold t says. π is the prevalence; where it differs from the share of diseased
    cases, the probabilities are moved there first (their logits by the difference of the logits of both shares).

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (cases,)
    probability : array_like of float in [0, 1], shape (cases,)
    thresholds : sequence of float
        Above 0 and below 1.
    prevalence : float, optional
        Where the test will be used; the share of diseased cases without it.
    patients : array_like, shape (cases,), optional
        The bootstrap draws whole patients.

    Returns
    -------
    DataFrame
        ``threshold``, ``net_benefit``, ``low``, ``high``, ``act_on_all``, and the difference to the better of acting on
        all and on none: ``gain``, ``gain_low``, ``gain_high``.

    Raises
    ------
    ParameterError
        When the lists do not fit or a share is not between 0 and 1.

    References
    ----------
    Vickers, Elkin: Decision curve analysis. Med Decis Making 26:565 (2006). Vickers, Calster, Steyerberg: BMJ 352:i6
    (2016).
    """
    diseased, predicted = checked_cases(outcome, probability, both_classes=True)
    shares = [*thresholds, *([] if prevalence is None else [prevalence])]
    if not all(0 < share < 1 for share in shares) or predicted.min() < 0 or predicted.max() > 1:
        raise ParameterError("Thresholds and prevalence lie between 0 and 1, and probabilities from 0 to 1.")
    mix = float(diseased.mean())
    share = mix if prevalence is None else prevalence
    odds = share / (1 - share) * (1 - mix) / mix
    moved = odds * predicted / (odds * predicted + 1 - predicted)
    owners = np.arange(diseased.size) if patients is None else patients
    weights = np.vstack([np.ones(diseased.size), resampled_units(owners, resamples, seed)])
    cuts = np.asarray(thresholds, float)
    acted = (moved[:, np.newaxis] >= cuts).astype(float)
    price = cuts / (1 - cuts)

    with np.errstate(invalid="ignore"):
        found, false = (weights[:, group] @ acted[group] / weights[:, group].sum(axis=1, keepdims=True)
                        for group in (diseased, ~diseased))  # fmt: skip
    if prevalence is None:  # each sample has its own mix
        shares_drawn = (weights[:, diseased].sum(axis=1) / weights.sum(axis=1))[:, np.newaxis]
    else:
        shares_drawn = np.full((len(weights), 1), share)
    benefit = np.nan_to_num(found) * shares_drawn - np.nan_to_num(false) * (1 - shares_drawn) * price
    all_acted = shares_drawn - (1 - shares_drawn) * price
    gain = benefit - np.maximum(all_acted, 0)
    low, high = percentile_interval(benefit[1:], confidence)
    gain_low, gain_high = percentile_interval(gain[1:], confidence)
    return pd.DataFrame(
        {
            "threshold": cuts,
            "net_benefit": benefit[0],
            "low": low,
            "high": high,
            "act_on_all": all_acted[0],
            "gain": gain[0],
            "gain_low": gain_low,
            "gain_high": gain_high,
        }
    )
