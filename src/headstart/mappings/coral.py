"""Correlation alignment: the source's features get the target's mean and covariance (Sun 2016, arXiv:1511.05547).

Their algorithm 1: whiten with the source's covariance, colour with the target's; to both a multiple of the identity is
added. Theirs is 1 beside features of unit variance, so here it is `ridge` times the mean variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import Mapped


@dataclass(frozen=True)
class Coral:
    """Give the source's features the target's mean and covariance.

    ridge: what is added to both covariances, times the mean variance; with 0 they become equal.
    """

    ridge: float = 1.0

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Map the source [N, D]; target rows [M, D] stay as they are."""
        whiten, colour = self._power(source, -0.5), self._power(target, 0.5)
        return Mapped((source - source.mean(axis=0)) @ whiten @ colour + target.mean(axis=0))

    def _power(self, rows: np.ndarray, power: float) -> np.ndarray:
        """Raise the covariance [D, D] to a power."""
        lengths, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
        lengths = (lengths + self.ridge * lengths.mean()).clip(min=1e-10 * max(lengths.max(), 1e-300))
        return (vectors * lengths**power) @ vectors.T
