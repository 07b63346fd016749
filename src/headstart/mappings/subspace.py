"""Subspace alignment: the source's principal axes turned to the target's (Fernando et al. 2013, ICCV).

Their algorithm 1: with the first d axes of both as columns of S and T, source rows become x S S'T and target rows x T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import Mapped


@dataclass(frozen=True)
class Subspace:
    """Turn the source's principal axes to those of the target.

    dim: how many axes of each there are; never more than rows or features.
    """

    dim: int = 64

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"dim must be at least 1; it is {self.dim}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Map both [N, D] and [M, D] to the axes; columns beyond `dim` are 0."""
        dim = min(self.dim, len(source) - 1, len(target) - 1, source.shape[1])
        mean, axes = target.mean(axis=0), _axes(target, dim)
        own = _axes(source, dim)
        rows, matrix = np.zeros_like(source), np.zeros((source.shape[1],) * 2)
        rows[:, :dim] = (source - source.mean(axis=0)) @ own @ (own.T @ axes)
        matrix[:dim] = axes.T
        return Mapped(rows, matrix=matrix, offset=-matrix @ mean)


def _axes(rows: np.ndarray, dim: int) -> np.ndarray:
    """Return the first principal axes as columns, [D, dim]."""
    return np.linalg.eigh(np.cov(rows, rowvar=False))[1][:, ::-1][:, :dim]
