"""Kernel mean matching: weights that make the source's mean in a kernel space the target's (Huang et al. 2006, NIPS).

With K the kernel of the source's rows and k_i = N / M times the sum of those of row i with the target's, the weights w
in [0, most] minimise w'K w / 2 - k'w (their section 2). That their mean is near 1 is left to a division by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from headstart.core.types import Mapped
from headstart.mappings._kernel import gaussian, width


@dataclass(frozen=True)
class Kmm:
    """Weigh the source's rows so that their kernel mean is the target's.

    most: the greatest weight, before they are divided by their mean.
    """

    most: float = 10.0

    def __post_init__(self) -> None:
        if self.most <= 0:
            raise ValueError(f"most must be above 0; it is {self.most}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Find the weights of the source's rows [N, D] beside the target's [M, D]."""
        wide = width(np.concatenate([source[:500], target[:500]]))
        kernel = gaussian(source, source, wide)
        pull = len(source) * gaussian(source, target, wide).mean(axis=1)

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            along = kernel @ weights
            return float(weights @ (along / 2 - pull)) / len(source), (along - pull) / len(source)

        start = np.ones(len(source))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, self.most)] * len(start)).x
        return Mapped(source, weights=found / found.mean())
