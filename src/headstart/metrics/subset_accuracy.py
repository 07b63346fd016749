"""Share of rows with every label decided rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class SubsetAccuracy:
    """Subset accuracy."""

    title: ClassVar[str] = "Subset accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = ""
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows with every label right"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        right = np.all(measured.right, axis=1)
        return lambda weights: measured.mean(right, weights)
