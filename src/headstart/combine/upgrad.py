"""UPGrad: each gradient is turned until it conflicts with none (Quinton & Rey 2024, arXiv:2406.16232).

Their section 3: each gradient is projected onto the cone of the directions that have no negative inner product with
any gradient, and the projections are averaged. By duality the projection of g_i is G'v, with v of least |G'v|² among
those that are at least 1 for g_i and at least 0 for the others: non-negative least squares in what v has beyond that.
The cone knows the gradients' directions alone, so they enter as unit vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import unit_vectors
from headstart.core.types import OfGradients


@dataclass(frozen=True)
class UpGrad(OfGradients):
    """Project each gradient onto the directions that raise no loss, and average the projections."""

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Average the coordinates of the projections."""
        from scipy.optimize import nnls

        vectors, lengths = unit_vectors(gram)
        beyond = [length * nnls(vectors, -vectors[:, own])[0] for own, length in enumerate(lengths)]
        return (1 + np.sum(beyond, axis=0) / lengths) / len(gram)
