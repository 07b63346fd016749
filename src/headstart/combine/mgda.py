"""Multiple-gradient descent: the shortest vector in the hull of the gradients (Désidéri 2012; arXiv:1810.04650).

Its weights solve min |G'w|² over w >= 0 with sum 1. Non-negative least squares of (G', 1) w against (0, 1) has the
same solution up to its length, as both terms grow with the square of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import unit_vectors
from headstart.core.types import OfGradients


@dataclass(frozen=True)
class Mgda(OfGradients):
    """Take the shortest vector in the convex hull of the gradients, which lowers every loss."""

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Solve for the weights, which sum to 1."""
        from scipy.optimize import nnls

        vectors, lengths = unit_vectors(gram)
        rows = np.vstack([vectors * (lengths / lengths.max()), np.ones(len(gram))])
        found = nnls(rows, np.append(np.zeros(len(gram)), 1.0))[0]
        return found / found.sum()
