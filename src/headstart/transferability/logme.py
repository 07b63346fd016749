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
            The mean log evidence a row.
        """
        left, singular = seen.uncentred
        columns = seen.columns
        along = left.T @ columns  # [R, T]
        outside = np.maximum(np.square(columns).sum(axis=0) - np.square(along).sum(axis=0), 0.0)
        found = [
            _evidence(np.square(singular), np.square(along[:, t]), outside[t], len(seen))
            for t in range(columns.shape[1])
        ]
        return float(np.mean(found))


def _evidence(lengths: np.ndarray, along: np.ndarray, outside: float, rows: int) -> float:
    """Return the greatest log evidence of one column, a row.

    Args:
        lengths: Squared singular values s of the features, [R].
        along: Squares of the column's parts along the left singular vectors, [R].
        outside: What is left of the column's squared length.
        rows: N.

    Returns:
        log p(y) / N.
    """
    ratio = 1.0  # alpha / beta
    for _ in range(ROUNDS):
        known = (lengths / (ratio + lengths)).sum()  # gamma: directions that the data decide
        weights = (lengths * along / np.square(ratio + lengths)).sum()  # |m|^2
        missed = np.square(ratio / (ratio + lengths)) @ along + outside  # |F m - y|^2
        alpha, beta = known / max(weights, TINY), (rows - known) / max(missed, TINY)
        before, ratio = ratio, alpha / beta
        if abs(ratio - before) <= CLOSE * before:
            break
    weights = (lengths * along / np.square(ratio + lengths)).sum()
    missed = np.square(ratio / (ratio + lengths)) @ along + outside
    width = len(lengths)
    log = (
        width * np.log(alpha)
        + rows * np.log(beta)
        - beta * missed
        - alpha * weights
        - np.log(alpha + beta * lengths).sum()
        - rows * np.log(2 * np.pi)
    )
    return float(log / 2 / rows)
