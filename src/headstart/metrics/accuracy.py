"""Share of rows whose class is decided rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Accuracy(Usual):
    """Accuracy."""

    title: ClassVar[str] = "Accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        return lambda weights: measured.mean(measured.right, weights)
