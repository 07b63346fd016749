"""What the small programmes of rules start from: inner products of K gradients, [K, K]."""

from __future__ import annotations

import numpy as np


def scaled(gram: np.ndarray) -> tuple[np.ndarray, float]:
    """Divide inner products by their mean diagonal, which is returned too; all zeros stay so, with 1."""
    size = float(np.trace(gram)) / len(gram)
    return (gram / size, size) if size > 0 else (gram, 1.0)


def root(gram: np.ndarray) -> np.ndarray:
    """Return R [K, K] with R'R = gram, whose columns have the gradients' inner products."""
    lengths, axes = np.linalg.eigh(gram)
    return np.sqrt(lengths.clip(min=0))[:, None] * axes.T
