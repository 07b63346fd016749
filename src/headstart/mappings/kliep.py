"""Weights by the Kullback-Leibler importance estimation procedure (Sugiyama et al. 2008, NIPS).

The ratio of densities is a sum of Gaussians at target rows with coefficients a >= 0. They maximise the mean log-ratio
of the target's rows while the mean ratio of the source's is 1. Coefficients times mean kernels are then the shares of a
mixture, and the steps of the EM algorithm for these lead to the maximum, which is the only one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import Mapped
from headstart.mappings._kernel import gaussian, width

ROUNDS = 500


@dataclass(frozen=True)
class Kliep:
    """Weigh the source's rows by a ratio of densities that makes the target likeliest.

    centres: Gaussians at most, at target rows that are evenly spread over their order.
    """

    centres: int = 100

    def __post_init__(self) -> None:
        if self.centres < 1:
            raise ValueError(f"centres must be at least 1; it is {self.centres}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Find the weights of the source's rows [N, D] beside the target's [M, D]."""
        places = np.linspace(0, len(target) - 1, min(self.centres, len(target))).round().astype(int)
        centres, wide = target[places], width(target)
        near, own = gaussian(target, centres, wide), gaussian(source, centres, wide)  # [M, B], [N, B]
        mean = np.maximum(own.mean(axis=0), 1e-300)
        shares = np.full(len(centres), 1 / len(centres))
        scaled = near / mean
        for _ in range(ROUNDS):
            shares = shares * (scaled / (scaled @ shares)[:, None]).mean(axis=0)
        return Mapped(source, weights=own @ (shares / mean))
