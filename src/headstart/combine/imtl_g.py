"""Impartial learning of gradients: equal projections on all of them (Liu et al. 2021, IMTL, ICLR; not on arXiv).

Their section 3.1: the update's inner products with the unit vectors u_k of all gradients are equal. With the cosines C
of gradients, weights b = C^-1 1 of unit vectors give 1 for each. Their condition that weights sum to 1 is taken for
unit vectors, whose sum 1'C^-1 1 is above zero: a rescaled loss then changes nothing, and the update is never turned
round. It is as long as for gradients of the geometric mean's length. Where gradients cancel, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import NOISE, typical, unit_vectors
from headstart.core.types import OfGradients


@dataclass(frozen=True)
class ImtlG(OfGradients):
    """Take the update that goes equally far along every gradient's direction."""

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Solve for the weights of unit vectors, and scale them."""
        vectors, lengths = unit_vectors(gram)
        found = np.linalg.pinv(vectors.T @ vectors, rcond=NOISE, hermitian=True).sum(axis=1)
        size = found.sum()
        return found / size * typical(lengths) / lengths if size > NOISE else np.zeros(len(gram))
