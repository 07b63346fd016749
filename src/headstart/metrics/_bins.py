"""Equally wide bins of confidence, as in Guo et al. 2017 (arXiv:1706.04599)."""

from __future__ import annotations

import numpy as np

BINS = 15


def bin_places(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Find the bin [N] of each confidence [N]; a bin holds its upper edge, the first one 0 too, as in the paper."""
    return np.clip(np.ceil(np.asarray(confidence) * bins).astype(np.int64) - 1, 0, bins - 1)
