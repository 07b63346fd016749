"""Squared distance of the probabilities from what is true (Brier 1950): of the second of two classes, or of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Brier(Usual):
    """Brier score: the sum over classes (0 to 2), or of the positive class where there are two (0 to 1)."""

    title: ClassVar[str] = "Brier"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 2.0)
    of_probabilities: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"0 to {1 if len(names) == 2 else 2}, squared error"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        if measured.two_classes:
            square = (measured.predictions[:, 1] - measured.labels) ** 2
        else:
            square = ((measured.normalised - np.eye(len(measured.names))[measured.labels]) ** 2).sum(axis=1)
        return lambda weights: measured.mean(square, weights)
