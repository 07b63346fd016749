"""Rank statistics under weights of the rows: AUROC, average precision, correlation; one sort serves all resamples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

UNSURE = 1e-12  # spread over size below which values count as constant: the rest is rounding

RankMeasure = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def ranking(positive: np.ndarray, score: np.ndarray) -> RankMeasure:
    """Prepare AUROC and average precision.

    AUROC is the share of pairs of a positive and a negative row in the right order, ties counting half;
    average precision is the mean over positive rows of the precision at their score.

    Args:
        positive: Which rows are in the class, [N] bool.
        score: [N].

    Returns:
        A function from weights [N, R] to both, each [R]; NaN where undefined.
    """
    rows = np.flatnonzero(positive)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    last = np.searchsorted(-score[rows], -score[rows], side="right") - 1  # the last positive row with the same score
    mass = _mass_above(score, rows)

    def compute(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total, before, upto = mass(weights)  # [R], [P, R], [P, R]
        own = weights[rows]
        positives = own.sum(axis=0)
        beaten = (own * (total - (before + upto) / 2)).sum(axis=0) - positives**2 / 2  # less the pairs of positives
        hits = np.cumsum(own, axis=0)[last] if len(rows) else own
        gained = own * np.divide(hits, upto, out=np.zeros_like(hits), where=upto > 0)
        return ratio(beaten, positives * (total - positives)), ratio(gained.sum(axis=0), positives)

    return compute


def ranks(score: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare the rank of each row, best first and ties at their mean, but for a constant: weights [N, R] to [N, R]."""
    mass = _mass_above(score, np.arange(len(score)))

    def compute(weights: np.ndarray) -> np.ndarray:
        _, before, upto = mass(weights)
        return (before + upto) / 2

    return compute


def correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute Pearson's correlation, [R], of a and b, each [N, R] or [N, 1]; NaN where one is constant."""
    total = weights.sum(axis=0)
    scale = np.sqrt(squares(a, weights) * squares(b, weights))
    a, b = a - (a * weights).sum(axis=0) / total, b - (b * weights).sum(axis=0) / total
    return ratio((a * b * weights).sum(axis=0), scale)


def squares(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the squared distances from the weighted mean, [R]; 0 where values [N, R] or [N, 1] are constant."""
    mean = (values * weights).sum(axis=0) / weights.sum(axis=0)
    spread = ((values - mean) ** 2 * weights).sum(axis=0)
    return np.where(spread <= UNSURE**2 * (values**2 * weights).sum(axis=0), 0.0, spread)


def constant(values: np.ndarray) -> np.ndarray:
    """Return for each column of [N, T] whether all its rows are the same, but for rounding, [T] bool."""
    unit = np.ones((len(values), 1))
    return np.array([squares(column[:, None], unit)[0] == 0 for column in values.T])


def mean_known(values: np.ndarray) -> np.ndarray:
    """Average [C, R] over classes or columns, leaving out NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    return ratio(np.nan_to_num(values).sum(axis=0), known.sum(axis=0))


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Divide, NaN where the divisor is 0."""
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under > 0)


def _mass_above(score: np.ndarray, rows: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """Prepare the total weight [R], and what scores higher, and at least as high, than each of `rows`, [P, R]."""
    order = np.argsort(-score, kind="stable").astype(np.int32)  # one for each class is kept, hence small
    first = np.searchsorted(-score[order], -score[rows], side="left")
    after = np.searchsorted(-score[order], -score[rows], side="right")

    def compute(weights: np.ndarray) -> tuple[np.ndarray, ...]:
        sums = np.zeros((len(order) + 1, weights.shape[1]))
        np.cumsum(weights[order], axis=0, out=sums[1:])
        return sums[-1], sums[first], sums[after]

    return compute
