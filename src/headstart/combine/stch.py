"""Smooth Tchebycheff scalarisation (Lin et al. 2024, arXiv:2402.19078): the largest loss, smoothly.

Their function is mu log sum over k of exp(p_k (L_k - z_k) / mu), for preferences p and ideal values z. Here z is zero,
and p_k is one over a loss's mean over the first steps, N_k, so that losses of any unit compare. Its gradient has the
weights p_k softmax(L p / mu)_k. They are times K and the geometric mean of N: equal losses count as in the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import positive, softmax
from headstart.core.types import Rule


@dataclass(frozen=True)
class Stch(Rule):
    """Weigh most the loss that has fallen least since the start.

    Attributes:
        mu: The smaller, the more the largest loss alone counts.
        window: First steps that the losses are compared with.
    """

    mu: float = 1.0
    window: int = 20
    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.mu <= 0 or self.window < 1:
            raise ValueError("mu must be above 0, and window at least 1")

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Start without a step."""
        return {"total": np.zeros(count), "steps": np.zeros(count)}

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Take in the losses of first steps, then weigh."""
        values, early = positive(losses, self), state["steps"] < self.window
        state["total"], state["steps"] = state["total"] + np.where(early, values, 0.0), state["steps"] + early
        first = state["total"] / state["steps"]
        return len(values) * softmax(values / first / self.mu) * np.exp(np.log(first).mean()) / first
