"""Laplacian regularised few-shot learning (Ziko et al. 2020, ICML, arXiv:2006.15486)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.few_shot._episodes import Episodes, Rows, softmax

STEPS, STILL = 100, 1e-6  # updates at most; the largest change of an assignment after which none follows


@dataclass(frozen=True)
class LaplacianShot:
    """The nearest class mean, near queries being answered alike: LaplacianShot (Ziko et al. 2020, arXiv:2006.15486).

    weight: λ, how much neighbours count. neighbours: how many nearest queries each has.
    """

    weight: float = 0.7
    neighbours: int = 3
    centre: bool = True
    normalise: bool = True

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.weight < 0 or self.neighbours < 1:
            raise ValueError(f"weight is 0 or more, neighbours 1 or more; got {self.weight} and {self.neighbours}.")

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by the assignments y [E, Q, W] that the updates of eq. 12 end at: y = softmax(-a + λ W y)."""
        rows = episodes.rows(centre=self.centre, normalise=self.normalise)
        alone = -rows.distances(rows.means)[:, rows.learnt :]
        near = self.weight * affinity(rows, self.neighbours)
        answers = softmax(alone)
        for _ in range(STEPS):
            before, answers = answers, softmax(alone + near @ answers)
            if np.abs(answers - before).max() < STILL:
                break
        return answers


def affinity(rows: Rows, neighbours: int) -> np.ndarray:
    """Say which queries are near each other, [E, Q, Q] of 0, 1/2 and 1: the symmetric part of "is among the nearest".

    The energy (eq. 4) holds that part alone, and the bound by which an update lowers it asks for symmetry.
    """
    products, lengths = rows.products[:, rows.learnt :, rows.learnt :], rows.lengths[:, rows.learnt :]
    distances = lengths[:, :, None] - 2 * products + lengths[:, None]
    np.einsum("eqq->eq", distances)[:] = np.inf
    count = min(neighbours, distances.shape[1] - 1)
    nearest = np.argpartition(distances, max(count - 1, 0), axis=2)[:, :, :count]
    found = np.zeros_like(distances)
    np.put_along_axis(found, nearest, 1.0, axis=2)
    return (found + found.swapaxes(1, 2)) / 2
