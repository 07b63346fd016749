"""Mean absolute error, averaged over the columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import Distance
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Mae(Distance):
    """Mean absolute error."""

    title: ClassVar[str] = "MAE"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        error = np.abs(measured.predictions - measured.labels).mean(axis=1)
        return lambda weights: measured.mean(error, weights)
