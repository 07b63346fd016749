"""Share of rows with every label decided rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class SubsetAccuracy(Usual):
    """Subset accuracy."""

    title: ClassVar[str] = "Subset accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows with every label right"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        right = np.all(measured.right, axis=1)
        return lambda weights: measured.mean(right, weights)
