"""Logistic regression on the few rows of each episode, all episodes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize

from headstart.few_shot._episodes import Episodes
from headstart.solvers.logistic import Problem

STEPS = 200  # of L-BFGS, at most
EXACT = 1e-4  # the largest slope at the end


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with a squared penalty (the "baseline" of Chen et al. 2019, arXiv:1904.04232).

    penalty: on the squared weights, of rows of length 1, beside the summed loss. The biases are free.
    """

    penalty: float = 0.1
    centre: bool = True
    normalise: bool = True

    transductive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; it is {self.penalty}.")

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by their logits, [E, Q, W]; the episodes are fitted together, as nothing ties them."""
        rows = episodes.rows(centre=self.centre, normalise=self.normalise)
        values, vectors = np.linalg.eigh(rows.products[:, : rows.learnt, : rows.learnt])
        values = np.sqrt(np.maximum(values, 0.0))[:, None]  # [E, 1, S]
        learnt = vectors * values  # the rows in the space that they span, [E, S, S]
        problem = Problem(rows.members, np.ones((1, 1, 1)), "softmax")
        shape = (len(learnt), rows.learnt + 1, rows.members.shape[2])

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            both = flat.reshape(shape)
            weight, bias = both[:, :-1], both[:, -1:]
            value, slope = problem.loss(learnt @ weight + bias)
            down = learnt.swapaxes(1, 2) @ slope + self.penalty * weight
            gradient = np.concatenate([down, slope.sum(axis=1, keepdims=True)], axis=1)
            return value + self.penalty / 2 * float(np.square(weight).sum()), gradient.ravel()

        options = {"maxiter": STEPS, "gtol": EXACT, "ftol": 0.0}
        ended: Any = minimize(loss, np.zeros(np.prod(shape)), jac=True, method="L-BFGS-B", options=options)
        both = ended.x.reshape(shape)
        back = vectors / np.where(values > 1e-9, values, np.inf)  # queries into the same space
        asked = rows.products[:, rows.learnt :, : rows.learnt] @ back
        return asked @ both[:, :-1] + both[:, -1:]
