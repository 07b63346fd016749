"""H-score: how much of the features' variance the class means have, in units of the features' own covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class HScore:
    """How much of the variance of the features lies between the classes, direction by direction (Bao et al. 2019).

    The trace of cov(f)^-1 cov(E[f | y]), with the pseudo-inverse (An Information-Theoretic Approach to Transferability
    in Task Transfer Learning). It is at most C - 1, and the same for any invertible linear map of the features. With
    fewer rows than columns it is C - 1 for every model and tells nothing: see `h_score_shrunk`.
    """

    title: ClassVar[str] = "H-score"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The trace, from 0 to C - 1.
        """
        sums = seen.columns.T @ seen.decomposed[0]  # [C, R], of features whose covariance is the identity
        return float((np.square(sums).sum(axis=1) / seen.counts).sum())
