"""What the small programmes of rules start from: K gradients, of which only the inner products [K, K] are known."""

from __future__ import annotations

import numpy as np

NOISE = 1e-6  # of inner products of unit vectors in single precision


def unit_vectors(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find unit vectors with the gradients' directions, in as many dimensions as differ by more than rounding.

    Args:
        gram: Inner products, whose diagonal is above zero.

    Returns:
        The vectors in columns, [K, K], and the gradients' lengths, which may be of very different sizes.
    """
    lengths = np.sqrt(gram.diagonal())
    sizes, axes = np.linalg.eigh(gram / lengths / lengths[:, None])
    return np.sqrt(np.where(sizes > NOISE, sizes, 0.0))[:, None] * axes.T, lengths


def typical(lengths: np.ndarray) -> float:
    """Return the geometric mean: one gradient times 1000 changes it by a factor that is the same at every step."""
    return float(np.exp(np.log(lengths).mean()))
