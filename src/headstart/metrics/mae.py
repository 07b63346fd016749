"""Mean absolute error, averaged over the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Mae:
    """Mean absolute error."""

    title: ClassVar[str] = "MAE"
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
        error = np.abs(measured.predictions - measured.labels).mean(axis=1)
        return lambda weights: measured.mean(error, weights)
