"""Aligned-MTL: gradients without interference, all of one length (Senushkin et al. 2023, arXiv:2305.19000).

Their section 4.2: of all matrices with condition number 1 the nearest to G' = U S V' is U V', times its smallest
singular value so that no principal direction is stepped along further than before. Gradients so aligned are G'B with
B = s_min V S^-1 V', and their mean has the weights B 1 / K. Singular values that are zero are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.combine._programmes import unit_vectors
from headstart.core.types import OfGradients

LEAST = 1e-12  # of the largest singular value: below it there is no direction


@dataclass(frozen=True)
class AlignedMtl(OfGradients):
    """Turn and scale gradients until they are orthogonal and of one length, as little as that takes; average them."""

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Apply B to equal weights."""
        vectors, lengths = unit_vectors(gram)
        _, sizes, axes = np.linalg.svd(vectors * (lengths / lengths.max()))
        kept = sizes > LEAST * sizes[0]
        sizes, axes = sizes[kept], axes[kept]
        return sizes[-1] * (axes.T / sizes) @ axes.mean(axis=1)
