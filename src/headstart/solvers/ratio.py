"""How much likelier rows are in another sample than in their own: the ratio of two densities, by a discriminator."""

from __future__ import annotations

import numpy as np

from headstart.solvers.folds import make_folds
from headstart.solvers.logistic import Problem, logistic


def density_ratio(rows: np.ndarray, other: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Estimate the density of another sample over that of the rows' own sample, at the rows.

    By Bayes' rule the odds of a classifier that tells the samples apart, times N / M (Bickel et al. 2007, ICML).
    Each row is answered by a fit that has not seen it, so that memory of the rows does not pass for a difference.

    Args:
        rows: [N, D].
        other: [M, D].
        seed: Of the folds.

    Returns:
        The ratio at each row, [N]; on average 1 but for errors of the estimate.
    """
    both = np.concatenate([rows, other])
    is_other = np.repeat([0.0, 1.0], [len(rows), len(other)])[:, None]
    problem = Problem(is_other, np.ones_like(is_other), "sigmoid")
    chosen = logistic(both, problem, seed=seed, strata=is_other[:, 0]).chosen
    fold, odds = make_folds(len(both), seed, is_other[:, 0]), np.empty(len(both))
    for number in np.unique(fold):
        seen, unseen = fold != number, fold == number
        found = logistic(both[seen], problem.take(np.flatnonzero(seen)), seed=seed, chosen=chosen)
        odds[unseen] = (both[unseen] @ found.weight.T + found.bias)[:, 0]
    return np.exp(odds[: len(rows)]) * len(rows) / len(other)
