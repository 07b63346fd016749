"""How well a score's order of models agrees with the order of their accuracies, and what its first choice costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import weightedtau


def weighted_tau(scores: Sequence[float] | np.ndarray, accuracies: Sequence[float] | np.ndarray) -> float:
    """Measure agreement by Kendall's tau with hyperbolic weights, so that the first places count most (Vigna 2015).

    The weight of a pair is 1 / (1 + r) + 1 / (1 + s) for the ranks r, s of its models, counted from 0 at the best. The
    value is the mean of that with ranks by score and that with ranks by accuracy, as in published tables.

    Args:
        scores: Of each model, [M]; higher is better.
        accuracies: Of each model, [M].

    Returns:
        From -1 to 1; NaN where a value is not finite, or all scores or all accuracies are the same.
    """
    given = np.asarray(scores, np.float64), np.asarray(accuracies, np.float64)
    if any(not np.isfinite(values).all() or np.ptp(values) == 0 for values in given):
        return float("nan")
    tau: Any = weightedtau(*given)
    return float(tau.statistic)


def regret(scores: Sequence[float] | np.ndarray, accuracies: Sequence[float] | np.ndarray) -> float:
    """Measure what is lost by taking the model with the highest score.

    Args:
        scores: Of each model, [M]; one whose score is NaN is not taken.
        accuracies: Of each model, [M].

    Returns:
        The accuracy of the best model less that of the first choice; of several first ones, less their mean. NaN where
        no model has a score.
    """
    values, reached = np.asarray(scores, np.float64), np.asarray(accuracies, np.float64)
    if np.isnan(values).all():
        return float("nan")
    return float(reached.max() - reached[values == np.nanmax(values)].mean())
