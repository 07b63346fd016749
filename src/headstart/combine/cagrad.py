"""Conflict-averse gradient descent (Liu et al. 2021, arXiv:2110.14048): near the mean, and best for the worst loss.

Their equation 4: of the updates d with |d - g0| <= c |g0| around the mean gradient g0, the one whose least inner
product with a gradient is largest. It is d = g0 + c |g0| g_w / |g_w|, where g_w = sum over k of w_k g_k has the least
g_w g0 + c |g0| |g_w| over w >= 0 with sum 1 (algorithm 1). Where that g_w is zero, no update lowers every loss, and d
is the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import NOISE, unit_vectors
from headstart.core.types import OfGradients


@dataclass(frozen=True)
class CaGrad(OfGradients):
    """Take what lowers the slowest loss fastest, within a ball around the mean gradient.

    Attributes:
        c: Radius of the ball, relative to the mean gradient's length; 0 is the mean.
    """

    c: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.c < 1:
            raise ValueError(f"c must be at least 0 and below 1, where the mean's minimum is reached; got {self.c:g}")

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Solve for w, and add its share to equal weights."""
        from scipy.optimize import minimize

        vectors, lengths = unit_vectors(gram)
        columns = vectors * (lengths / lengths.max())
        equal = np.full(len(gram), 1 / len(gram))
        mean = columns @ equal
        radius = self.c * float(np.linalg.norm(mean))

        def worst(w: np.ndarray) -> tuple[float, np.ndarray]:
            inner = columns @ w
            length = max(float(np.linalg.norm(inner)), NOISE**2)
            return float(inner @ mean) + radius * length, columns.T @ (mean + radius * inner / length)

        bounds, whole = [(0.0, 1.0)] * len(gram), {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like}
        found = minimize(worst, equal, jac=True, method="SLSQP", bounds=bounds, constraints=whole, tol=1e-12).x
        length = np.linalg.norm(columns @ found)
        return equal + radius * found / length if length > NOISE else equal
