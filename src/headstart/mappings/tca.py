"""Transfer component analysis: axes along which rows vary, and the domains' means do not (Pan et al. 2011, TNN 22(2)).

With a linear kernel their problem is one of D columns: axes A of most variance under A'(dd' + mu I) A = I, where d
is the difference of the domains' means, whose square along an axis is the maximum mean discrepancy there. mu is
relative to the mean variance. The penalty is on the axes and not on their coefficients of rows, as in Long et al. 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from headstart.core.types import Mapped


@dataclass(frozen=True)
class Tca:
    """Keep the axes along which rows vary and the domains' means agree.

    dim: how many; never more than features, and fewer where those that tell the domains are to be gone: a solved head
    may scale axes as it likes. mu: penalty on the axes, times the mean variance.
    """

    dim: int = 64
    mu: float = 1.0

    def __post_init__(self) -> None:
        if self.dim < 1 or self.mu <= 0:
            raise ValueError(f"dim must be at least 1 and mu above 0; they are {self.dim} and {self.mu}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Map both [N, D] and [M, D] to the axes; columns beyond `dim` are 0."""
        both = np.concatenate([source, target])
        mean, covariance = both.mean(axis=0), np.cov(both, rowvar=False, ddof=0)
        width = len(mean)
        dim = min(self.dim, width)
        apart = source.mean(axis=0) - target.mean(axis=0)
        held = np.outer(apart, apart) + max(self.mu * np.trace(covariance) / width, 1e-12) * np.eye(width)
        axes = eigh(covariance, held, subset_by_index=(width - dim, width - 1))[1]
        matrix = np.zeros((width, width))
        matrix[:dim] = axes.T[::-1]
        return Mapped((source - mean) @ matrix.T, matrix=matrix, offset=-matrix @ mean)
