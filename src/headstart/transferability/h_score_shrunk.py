"""Shrunk H-score: the H-score with a covariance that holds where rows are few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

TINY = 1e-12  # of the squared variances: what is less is rounding


@dataclass(frozen=True)
class HScoreShrunk:
    """H-score with a covariance that holds where rows are few too (Ibrahim et al. 2021, arXiv:2110.06893).

    The trace of S^-1 (1 - a) cov(E[f | y]), with S = (1 - a) cov(f) + a v I, v the mean variance of the features and a
    the shrinkage of Ledoit and Wolf (2004); all covariances are over N. The score is the same for turned, moved or
    scaled features.
    """

    title: ClassVar[str] = "shrunk H-score"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The trace, from 0 to C - 1; NaN where no feature varies.
        """
        variances = np.square(seen.decomposed[1]) / len(seen)  # [R], along the singular vectors
        if not len(variances):
            return float("nan")
        width = seen.features.shape[1]
        mean = variances.sum() / width
        shrinkage = _shrinkage(np.square(seen.reduced).sum(axis=1), variances, mean, width)
        between = seen.counts @ np.square(seen.means) / len(seen)
        return float((1 - shrinkage) * (between / ((1 - shrinkage) * variances + shrinkage * mean)).sum())


def _shrinkage(lengths: np.ndarray, variances: np.ndarray, mean: float, width: int) -> float:
    """Return the shrinkage of Ledoit and Wolf, without the covariance itself.

    Args:
        lengths: Squared lengths of the centred rows, [N].
        variances: Eigenvalues of their covariance that are not zero, [R].
        mean: Of all eigenvalues.
        width: D.

    Returns:
        A share of 0 to 1; 0 where the covariance is a multiple of the identity already.
    """
    squares = np.square(variances).sum()
    away = squares - width * mean**2  # squared distance of the covariance from v I
    error = (np.square(lengths).mean() - squares) / len(lengths)  # and what of it is by chance
    return float(min(error / away, 1.0)) if away > TINY * squares else 0.0
