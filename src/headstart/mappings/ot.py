"""Optimal transport: each source row goes to the mean of the target rows that its mass goes to (arXiv:1507.00504).

Courty et al. 2017: the plan of least squared distance, with entropy, and its barycentric mapping. The classes have no
part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import Mapped
from headstart.mappings._transport import LEAST, costs, transport


@dataclass(frozen=True)
class Ot:
    """Carry the source's rows to the target's at least cost.

    entropy: how far mass is spread, as a share of the greatest squared distance.
    """

    entropy: float = 0.02

    def __post_init__(self) -> None:
        if self.entropy < LEAST:
            raise ValueError(f"entropy must be at least {LEAST}; it is {self.entropy}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Map the source [N, D]; target rows [M, D] stay as they are."""
        plan = transport(costs(source, target), self.entropy)
        return Mapped(plan @ target / plan.sum(axis=1, keepdims=True))
