"""GradNorm (Chen et al. 2018, arXiv:1711.02257): weighted gradients of lengths that follow how slowly losses fall.

Their equation 2: sum over k of |w_k l_k - m r_k^alpha|, with the length l_k of a gradient, the mean m of w l, held
constant, and the inverse rate r_k, L_k over its first value, relative to the mean of these. Here it is divided by m,
and log w descends: w stays above zero, and lengths of any size do no harm. Weights are then scaled to the sum K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import positive, softmax
from headstart.core.types import OfGradients


@dataclass(frozen=True)
class GradNorm(OfGradients):
    """Weigh losses until their gradients are equally long, longer for those that fall slowly.

    Attributes:
        alpha: How much longer; 0 makes all equally long.
        rate: Of the descent of the weights' logarithms.
    """

    alpha: float = 1.5
    rate: float = 0.025
    weighs_losses: ClassVar[bool] = True

    def start(self, count: int) -> dict[str, np.ndarray]:
        """Start from equal weights; a first loss of zero is none."""
        return {"log_weight": np.zeros(count), "first": np.zeros(count)}

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Weigh by the weights as they are, then let them take a step."""
        values = positive(losses, self)
        state["first"] = np.where(state["first"] > 0, state["first"], values)
        weights = len(values) * softmax(state["log_weight"])
        lengths = weights * np.sqrt(gram.diagonal())
        lengths = lengths / lengths.mean()
        ratio = values / state["first"]
        slope = lengths * np.sign(lengths - (ratio / ratio.mean()) ** self.alpha)
        state["log_weight"] = np.log(weights) - self.rate * slope
        return weights
