"""AUROC and average precision of many classes with few rows each, together: matrix products in place of sorts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from headstart.metrics._ranks import ratio

MANY = 20  # classes from which it is worth it
RARE = 50  # rows of a class up to which it is
CELLS = 6_000_000  # of comparisons that are held at a time
EXACT = 2**24  # whole numbers up to here are exact in single precision


def rare(counts: np.ndarray) -> np.ndarray:
    """Find the classes [C'] that are measured together, from the rows of each class [C]."""
    return np.flatnonzero((counts > 0) & (counts <= RARE)) if len(counts) >= MANY else np.empty(0, np.int64)


def rare_ranking(
    rows: np.ndarray, places: np.ndarray, scores: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Prepare both measures; they are those of `ranking`, class by class.

    Args:
        rows: The row of each pair of a row and a class that it is in, [P].
        places: The place of that class, [P], in rising order.
        scores: The scores of all rows, by class, [C', N].

    Returns:
        A function from weights [N, R] to both, each [C', R]; NaN where undefined.
    """
    pairs, classes = len(rows), len(scores)
    own_score = scores[places, rows]
    sizes = np.bincount(places, minlength=classes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)  # [P]: the first pair of the same class
    first = np.repeat(np.arange(pairs), sizes[places])
    second = np.arange(len(first)) - np.repeat(np.cumsum(sizes[places]) - sizes[places], sizes[places])
    second += starts[first]
    beside = own_score[second] >= own_score[first]
    within = sparse.csr_array((np.ones(beside.sum()), (first[beside], second[beside])), shape=(pairs, pairs))
    of_class = sparse.csr_array((np.ones(pairs), (places, np.arange(pairs))), shape=(classes, pairs))
    step = max(1, CELLS // scores.shape[1])

    def compute(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total, own = weights.sum(axis=0), weights[rows]
        whole = total.max(initial=0) < EXACT and np.array_equal(weights, np.rint(weights))
        kind = np.float32 if whole else np.float64
        plain = weights.astype(kind, copy=False)
        before, same = np.empty_like(own), np.empty_like(own)
        for start in range(0, pairs, step):
            part = slice(start, start + step)
            theirs, ours = scores[places[part]], own_score[part, None]
            before[part] = (theirs > ours).astype(kind) @ plain
            same[part] = sparse.csr_array(theirs == ours, dtype=np.float64) @ weights
        upto, positives = before + same, of_class @ own
        beaten = of_class @ (own * (total - before - same / 2)) - positives**2 / 2
        gained = own * np.divide(within @ own, upto, out=np.zeros_like(upto), where=upto > 0)
        return ratio(beaten, positives * (total - positives)), ratio(of_class @ gained, positives)

    return compute
