"""Root mean squared error, averaged over the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Rmse:
    """Root mean squared error."""

    title: ClassVar[str] = "RMSE"
    forms: ClassVar[tuple[Form, ...]] = ("values",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    undefined: ClassVar[str] = ""
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"unit of {', '.join(names)}" + (", mean" if len(names) > 1 else "")

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            return np.sqrt(measured.squared_error(weights) / measured.total(weights)).mean(axis=0)

        return compute
