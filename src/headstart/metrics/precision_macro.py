"""Precision, averaged over the classes that occur in labels or decisions; 0 for one never decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import MeanOverClasses
from headstart.metrics._ranks import mean_known, ratio


@dataclass(frozen=True)
class PrecisionMacro(MeanOverClasses):
    """Precision, mean over classes."""

    title: ClassVar[str] = "Precision macro"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return mean_known(np.where(support + chosen > 0, np.nan_to_num(ratio(hits, chosen)), np.nan))
