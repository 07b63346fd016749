"""The mean over the nearest rows (Fix & Hodges 1951), their number by leave-one-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from headstart.core.seeding import numpy_generator

COUNTS = (1, 2, 3, 5, 8, 13, 21, 34, 55)  # of neighbours, among which one is chosen
MOST, ASKED = 10_000, 2000  # rows at most that are searched, and that choose


class Nearest(NamedTuple):
    """What the nearest rows say.

    count: how many. answers: for each array of other rows, [M, T]. left_out: for rows of training when they were left
    out, [N, T]; nan for those that were not asked.
    """

    count: int
    answers: list[np.ndarray]
    left_out: np.ndarray


def nearest(
    features: np.ndarray,
    values: np.ndarray,
    others: Sequence[np.ndarray],
    *,
    seed: int,
    groups: Sequence[str] | None = None,
) -> Nearest:
    """Answer by the mean of the nearest training rows, by the angle between features less their mean.

    The number of neighbours is that with the least squared error for rows that are left out, the smallest of equals.

    Args:
        features: Of the training rows, [N, D], N at least 2.
        values: What is averaged, [N, T].
        others: Features of other rows, each [M, D].
        seed: Decides which rows are taken where there are very many.
        groups: Of each training row; rows of one group are left out together.

    Returns:
        The answers.
    """
    order = numpy_generator(seed, "nearest").permutation(len(features))
    kept = np.sort(order[:MOST])
    mean = features[kept].mean(axis=0)
    rows, known = features[kept] - mean, values[kept]
    most = min(COUNTS[-1], len(kept) - 1)
    search = NearestNeighbors(n_neighbors=most, metric="cosine", algorithm="brute").fit(rows)
    asked = np.flatnonzero(np.isin(kept, order[:ASKED]))
    places = search.kneighbors(rows[asked], n_neighbors=most + 1, return_distance=False)
    use = places != asked[:, None]
    if groups is not None:
        named = np.unique([groups[int(row)] for row in kept], return_inverse=True)[1]
        use &= named[places] != named[asked][:, None]
    counts = [count for count in COUNTS if count <= most]
    tried = [_mean(known, places, use, count) for count in counts]
    errors = [float(np.square(found - known[asked]).mean()) for found in tried]
    best = errors.index(min(errors))
    left_out = np.full(values.shape, np.nan)
    left_out[kept[asked]] = tried[best]
    answers = [known[search.kneighbors(x - mean, counts[best], return_distance=False)].mean(axis=1) for x in others]
    return Nearest(counts[best], answers, left_out)


def _mean(values: np.ndarray, places: np.ndarray, use: np.ndarray, count: int) -> np.ndarray:
    """Average the first `count` of the places [M, K] that may be used; of a row without any, all values."""
    used = use & (use.cumsum(axis=1) <= count)
    total = np.einsum("mk,mkt->mt", used.astype(np.float64), values[places])
    found = used.sum(axis=1, keepdims=True)
    return np.where(found > 0, total / np.maximum(found, 1), values.mean(axis=0))
