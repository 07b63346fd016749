"""Entropic optimal transport between rows of equal weight (Cuturi 2013, arXiv:1306.0895)."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

LEAST = 0.002  # of the greatest cost: below, exp(-cost / entropy) is no number any more


def costs(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Compute squared distances [N, M], as shares of the greatest."""
    found = cdist(source, target, "sqeuclidean")
    return found / max(found.max(), 1e-300)


def transport(cost: np.ndarray, entropy: float, *, rounds: int = 1000, close: float = 1e-6) -> np.ndarray:
    """Find the plan of least cost minus `entropy` times its entropy, by Sinkhorn's algorithm.

    Args:
        cost: [N, M], from 0 on.
        entropy: As a share of the greatest cost.
        rounds: At most.
        close: How near the columns' sums have to be to 1 / M, together.

    Returns:
        The plan [N, M]; rows sum to 1 / N.
    """
    count, other = cost.shape
    kernel = np.exp((cost.min(axis=1, keepdims=True) - cost) / (entropy * max(cost.max(), 1e-300)))
    scale, row = np.ones(other), np.ones(count)
    for _ in range(rounds):
        row = 1 / (count * (kernel @ scale))
        column = row @ kernel
        if np.abs(column * scale - 1 / other).sum() < close:
            break
        scale = 1 / (other * np.maximum(column, 1e-300))
    return row[:, None] * kernel * scale
