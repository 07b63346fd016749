"""Rows that are like none of the classes of labelled rows: how near each is to the nearest class mean, by its cosine.

The threshold is that of Sun et al. 2022 (arXiv:2204.06507, section 3): the one that 95 % of the known rows pass, on
features of length 1. The distance is to class means, as in Lee et al. 2018 (arXiv:1807.03888) but without a covariance,
which few rows do not give; their mean over the other rows is taken off first. A labelled row is measured by a class
mean without itself, so that it is to the means what a row that was not seen is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import mannwhitneyu

PASSED = 0.95  # of the labelled rows


class Strangers(NamedTuple):
    """likely: [M], how near each row is to a class, 1 at most. strange: [M], whether it is farther from every class
    than 95 % of the labelled rows from theirs. p: of the other rows being no farther than the labelled ones.
    """

    likely: np.ndarray
    strange: np.ndarray
    p: float


def strangers(rows: np.ndarray, labels: np.ndarray, others: np.ndarray) -> Strangers:
    """Find the rows that are like no class.

    Args:
        rows: Features of labelled rows, [N, D].
        labels: Their classes, [N].
        others: Features of the rows in question, [M, D].

    Returns:
        What each of these is.
    """
    centre = others.mean(axis=0, dtype=np.float64)
    known, asked = _directions(rows - centre), _directions(others - centre)
    classes, own = np.unique(labels, return_inverse=True)
    sums = np.eye(len(classes))[own].T @ known  # [C, D]
    near = known @ _directions(sums).T
    near[np.arange(len(known)), own] = (known * _directions(sums[own] - known)).sum(axis=1)
    usual, likely = near.max(axis=1), (asked @ _directions(sums).T).max(axis=1)
    p = float(mannwhitneyu(usual, likely, alternative="greater").pvalue)
    return Strangers(likely, likely < np.quantile(usual, 1 - PASSED), p)


def _directions(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
