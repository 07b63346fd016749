"""Gradient surgery: each gradient loses what conflicts with the others (Yu et al. 2020, arXiv:2001.06782).

Their algorithm 1: each gradient is projected, in random order, onto the normal plane of every other one that it has a
negative inner product with; then all are added up. All of it happens in the span of the gradients, so that their inner
products suffice: a projected gradient is kept by its coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.types import OfGradients


@dataclass(frozen=True)
class PcGrad(OfGradients):
    """Take from each gradient what points against another one, in random order, and add them up."""

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Add up the coordinates of the projected gradients."""
        projected = np.eye(len(gram))
        for own in range(len(gram)):
            for other in random.permutation([k for k in range(len(gram)) if k != own]):
                against = projected[own] @ gram[other]
                if against < 0:
                    projected[own, other] -= against / gram[other, other]
        return projected.sum(axis=0)
