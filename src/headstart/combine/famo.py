"""Fast adaptive multitask optimisation (Liu et al. 2023, arXiv:2306.03792): all losses fall at one relative rate.

Their algorithm 1: with z = softmax(x), weights c z_k / L_k, where c = 1 / sum over k of z_k / L_k; then, with d the
fall of each log L by the step, x -= rate (J'd + decay x), J'd = z (d - z d) being the gradient by x. The fall is
that from one step's batch to the next one's, in place of a second pass over the same batch: the noise of batches
cancels over steps, as long as they are plain (the authors' code takes Adam's steps of 0.025). Weights are times K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import positive, softmax
from headstart.core.types import Rule


@dataclass(frozen=True)
class Famo(Rule):
    """Weigh losses so that their logarithms fall equally fast.

    Attributes:
        rate: Of the descent of the weights' logits.
        decay: Draws the logits back to zero.
    """

    rate: float = 1.0
    decay: float = 0.001
    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Start from equal logits; a loss before of zero is none."""
        return {"logit": np.zeros(count), "before": np.zeros(count)}

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Let the logits follow the fall of the losses, then weigh."""
        values, shares = positive(losses, self), softmax(state["logit"])
        fall = np.log(np.where(state["before"] > 0, state["before"], values) / values)
        slope = shares * (fall - shares @ fall)
        state["logit"] = state["logit"] - self.rate * (slope + self.decay * state["logit"])
        state["before"] = values
        return len(losses) * softmax(state["logit"] - np.log(values))
