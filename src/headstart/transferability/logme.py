"""LogME: the evidence of a Bayesian linear model on the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

ROUNDS, CLOSE = 100, 1e-5  # of the fixed point; relative change of alpha / beta at which it has been reached
TINY = 1e-12  # a weight or an error that is nothing leaves the evidence finite


@dataclass(frozen=True)
class LogME:
    """Log evidence of a Bayesian linear model of the labels, a row (You et al. 2021, arXiv:2102.11005).

    For each label column y, weights w ~ N(0, 1/alpha) and noise N(0, 1/beta) are chosen so that the evidence
    p(y | F, alpha, beta) is the greatest, by the fixed point of the paper's algorithm 3 on the singular values of F
    (You et al. 2022, arXiv:2110.10545). The score is the mean of log p(y) / N over the columns.
    """

    title: ClassVar[str] = "LogME"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels", "values")
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and labels of N rows.

        Returns:
            The mean log evidence a row; NaN where all features are 0.
        """
        left, singular = seen.uncentred
        if not len(singular):
            return float("nan")
        columns = seen.columns
        along = left.T @ columns  # [R, T]
        outside = np.maximum(np.square(columns).sum(axis=0) - np.square(along).sum(axis=0), 0.0)
        return float(_evidence(np.square(singular)[:, None], np.square(along), outside, len(seen)).mean())


def _evidence(lengths: np.ndarray, along: np.ndarray, outside: np.ndarray, rows: int) -> np.ndarray:
    """Return the greatest log evidence of each column, a row.

    Args:
        lengths: Squared singular values s of the features, [R, 1].
        along: Squares of the columns' parts along the left singular vectors, [R, T].
        outside: What is left of the columns' squared lengths, [T].
        rows: N.

    Returns:
        log p(y) / N, [T].
    """
    ratio = np.ones(len(outside))  # alpha / beta
    for _ in range(ROUNDS):
        known = (lengths / (ratio + lengths)).sum(axis=0)  # gamma: directions that the data decide
        weights, missed = _fit(lengths, along, outside, ratio)
        alpha, beta = known / np.maximum(weights, TINY), (rows - known) / np.maximum(missed, TINY)
        before, ratio = ratio, alpha / beta
        if (np.abs(ratio - before) <= CLOSE * before).all():
            break
    weights, missed = _fit(lengths, along, outside, ratio)
    log = (
        len(lengths) * np.log(alpha)
        + rows * np.log(beta)
        - beta * missed
        - alpha * weights
        - np.log(alpha + beta * lengths).sum(axis=0)
        - rows * np.log(2 * np.pi)
    )
    return log / 2 / rows


def _fit(
    lengths: np.ndarray, along: np.ndarray, outside: np.ndarray, ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return |m|^2 and |F m - y|^2 of each column's best weights m, [T] each, for alpha / beta, [T]."""
    shares = along / np.square(ratio + lengths)
    return (lengths * shares).sum(axis=0), np.square(ratio) * shares.sum(axis=0) + outside
