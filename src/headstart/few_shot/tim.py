"""Transductive information maximization by alternating directions (Boudiaf et al. 2020, NeurIPS, arXiv:2008.11297)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.few_shot._episodes import Episodes, Rows, softmax

STILL = 1e-2  # the largest change of a probability after which no update follows


@dataclass(frozen=True)
class Tim:
    """Class weights by which queries are told apart surely and evenly: TIM-ADM (Boudiaf et al. 2020, arXiv:2008.11297).

    temperature: τ of the probabilities. cross_entropy: λ, the weight of the labelled rows' loss. conditional: α, that
    of the entropy of single answers beside that of their mean. steps: updates at most.
    """

    temperature: float = 15.0
    cross_entropy: float = 0.1
    conditional: float = 0.1
    steps: int = 150
    centre: bool = True
    normalise: bool = True

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.temperature, self.cross_entropy) <= 0 or self.conditional < 0 or self.steps < 0:
            raise ValueError("temperature and cross_entropy are above 0, conditional and steps 0 or more.")

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by their probabilities (eq. 1), [E, Q, W]."""
        exact = episodes.rows(centre=self.centre, normalise=self.normalise)
        rows = Rows(exact.products.astype(np.float32), exact.members.astype(np.float32))  # in half the time
        points, given = rows.means, self.given(rows, rows.means)
        for _ in range(self.steps):
            before = given
            points = self.updated(rows, points, given)
            given = self.given(rows, points)
            if np.abs(given - before).max() < STILL:
                break
        return given[:, rows.learnt :]

    def given(self, rows: Rows, points: np.ndarray) -> np.ndarray:
        """Compute the probabilities of all rows by class weights, given as combinations of rows [E, N, W]."""
        return softmax(-self.temperature / 2 * rows.distances(points))

    def updated(self, rows: Rows, points: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Take one step: the best answers q for the weights (eq. 7), then the weights for these (eq. 8)."""
        asked = given[:, rows.learnt :] ** (1 + self.conditional)
        wanted = asked / np.sqrt(asked.sum(axis=1, keepdims=True))
        wanted /= np.einsum("eqw->eq", wanted)[..., None]
        all_wanted = np.concatenate([rows.members, wanted], axis=1)
        counts = np.ones((rows.lengths.shape[1], 1), given.dtype)
        counts[: rows.learnt] = self.cross_entropy / (1 + self.conditional)
        counts[rows.learnt :] = rows.learnt / (len(counts) - rows.learnt)
        moved = counts * (all_wanted - given) + points * (counts * given).sum(axis=1, keepdims=True)
        return moved / (counts * all_wanted).sum(axis=1, keepdims=True)
