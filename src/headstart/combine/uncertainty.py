"""Weighting by uncertainty (Kendall et al. 2018, arXiv:1705.07115), with a log-variance s for each loss.

Their equation 10 with s = log sigma²: sum over k of exp(-s_k) L_k + s_k, halves and constants left out. Here each s
takes a step of gradient descent of its own after each update: s -= rate (1 - exp(-s) L). At rest exp(-s) = 1 / L. It
stays within 20 of zero, as a loss that comes to zero would let its weight grow without end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import positive
from headstart.core.types import Rule

MOST = 20.0


@dataclass(frozen=True)
class Uncertainty(Rule):
    """Weigh each loss by a precision that is learnt: in the end, by one over the loss.

    Attributes:
        rate: Of the descent of log-variances.
    """

    rate: float = 0.025
    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Start from variance 1."""
        return {"log_variance": np.zeros(count)}

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Weigh by the precisions as they are, then let them follow the losses."""
        precision = np.exp(-state["log_variance"])
        slope = 1 - precision * positive(losses, self)
        state["log_variance"] = (state["log_variance"] - self.rate * slope).clip(-MOST, MOST)
        return precision
