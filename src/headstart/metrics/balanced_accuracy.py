"""Recall, averaged over the classes that have rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import MeanOverClasses
from headstart.metrics._ranks import mean_known, ratio


@dataclass(frozen=True)
class BalancedAccuracy(MeanOverClasses):
    """Balanced accuracy."""

    title: ClassVar[str] = "Balanced accuracy"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return mean_known(ratio(hits, support))
