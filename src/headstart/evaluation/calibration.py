"""The expected calibration error."""

from __future__ import annotations

import numpy as np

from headstart.metrics._bins import BINS as BINS
from headstart.metrics._bins import bin_places as bin_places


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Compute the expected calibration error over 15 bins: the mean gap of confidence [N] and correctness [N]."""
    gaps = np.bincount(bin_places(confidence), weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
