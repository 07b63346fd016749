"""Decide from probabilities, and choose the thresholds to decide with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from headstart.core.errors import unknown

USUAL = 0.5
FEWEST_POSITIVES = 10  # validation rows of a class, below which it gets no threshold of its own


def from_thresholds(
    classes: Sequence[str], probabilities: np.ndarray, thresholds: Mapping[str, float] | None
) -> np.ndarray:
    """Decide each class by itself.

    Args:
        classes: K.
        probabilities: [N, K].
        thresholds: Thresholds by class: it is decided from there on; 0.5 where none is given.

    Returns:
        Decisions [N, K] of 0 and 1, int64.

    Raises:
        UsageError: A threshold is for a class that has none.
    """
    given = thresholds or {}
    for name in given:
        if name not in classes:
            raise unknown("class with a threshold called", name, classes)
    limits = np.array([given.get(name, USUAL) for name in classes])
    return (probabilities >= limits).astype(np.int64)


def best_threshold(positive: np.ndarray, scores: np.ndarray) -> float:
    """Choose the threshold with the highest F1; equally good ones are settled by the nearest to 0.5.

    Args:
        positive: Which rows are in the class, [N] bool.
        scores: Their probabilities of it, [N].

    Returns:
        The threshold; 0.5 without a positive row.
    """
    if not positive.any():
        return USUAL
    scores = scores.astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # rows of equal score are decided together
    hits = np.cumsum(positive[order])[ends]
    f1 = 2 * hits / (ends + 1 + positive.sum())
    lowest = ranked[ends]  # the lowest score that is still decided as the class
    following = np.append(lowest[1:], 0.0)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    # any threshold in (following, lowest] decides alike: take 0.5 where it lies there, else the middle of the gap
    middle = (following[best] + lowest[best]) / 2
    candidates = np.where((following[best] < USUAL) & (lowest[best] >= USUAL), USUAL, middle)
    return float(candidates[np.abs(candidates - USUAL).argmin()])
