"""Dynamic weight average (Liu et al. 2019, arXiv:1803.10704): a loss that falls slowly counts more.

Their equation 7: weights K softmax(r / T), where r_k is the last epoch's mean of a loss over that of the epoch before;
1 in the first two. A window of so many steps takes the place of an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import positive, softmax
from headstart.core.types import Rule


@dataclass(frozen=True)
class Dwa(Rule):
    """Weigh losses by how slowly they fell from one window of steps to the next.

    Attributes:
        temperature: The higher, the more equal the weights.
        window: Steps that a loss is averaged over.
    """

    temperature: float = 2.0
    window: int = 20
    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.window < 1:
            raise ValueError("temperature must be above 0, and window at least 1")

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Start a window; without one before it (a mean of zero) the ratio is 1."""
        return {"total": np.zeros(count), "steps": np.zeros(count), "mean": np.zeros(count), "ratio": np.ones(count)}

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Weigh by the ratios of the last two whole windows, then take in the losses."""
        weights = len(losses) * softmax(state["ratio"] / self.temperature)
        total, steps, before = state["total"] + positive(losses, self), state["steps"] + 1, state["mean"]
        whole, mean = steps == self.window, total / steps
        ratio = np.divide(mean, before, out=np.ones_like(mean), where=before > 0)
        state["ratio"], state["mean"] = np.where(whole, ratio, state["ratio"]), np.where(whole, mean, before)
        state["total"], state["steps"] = np.where(whole, 0.0, total), np.where(whole, 0.0, steps)
        return weights
