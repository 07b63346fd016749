"""Weights by a classifier that tells the domains apart, whose odds are the ratio of densities (Bickel et al. 2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import Mapped
from headstart.solvers.ratio import density_ratio


@dataclass(frozen=True)
class Discriminator:
    """Weigh the source's rows by how much a classifier takes them for the target's.

    most: the greatest weight, when their mean is 1: few rows must not decide all.
    """

    most: float = 20.0

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"most must be at least 1; it is {self.most}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Find the weights of the source's rows [N, D] beside the target's [M, D]."""
        ratio = density_ratio(source, target)
        return Mapped(source, weights=(ratio / ratio.mean()).clip(max=self.most))
