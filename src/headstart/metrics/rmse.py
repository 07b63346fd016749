"""Root mean squared error, averaged over the columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import Distance
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Rmse(Distance):
    """Root mean squared error."""

    title: ClassVar[str] = "RMSE"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore"):  # of a resample without any row
                return np.sqrt(measured.squared_error(weights) / measured.total(weights)).mean(axis=0)

        return compute
