"""Pearson's correlation of labels and predictions, averaged over the columns that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import Correlation


@dataclass(frozen=True)
class Pearson(Correlation):
    """Pearson's correlation."""

    title: ClassVar[str] = "Pearson"

    def correlated(self, column: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the numbers themselves of a column [N]."""
        return lambda weights: column[:, None]
