"""H-score: how much of the features' variance the class means have, in units of the features' own covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class HScore:
    """Trace of cov(f)^-1 cov(E[f | y]) (Bao et al. 2019, An Information-Theoretic Approach to Transferability).

    The inverse is the pseudo-inverse. The score is at most C - 1, the same for any invertible linear map of the
    features. With fewer rows than columns it is C - 1 for every model and tells nothing: see `h_score_shrunk`.
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
