"""Share of the labels' variance that is explained, averaged over the columns whose labels vary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import mean_known, ratio, squares


@dataclass(frozen=True)
class R2(Usual):
    """Coefficient of determination."""

    title: ClassVar[str] = "R2"
    forms: ClassVar[tuple[Form, ...]] = ("values",)
    limits: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    undefined: ClassVar[str] = "it needs labels that vary"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of variance; 1 is perfect"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            spread = np.stack([squares(column[:, None], weights) for column in measured.labels.T])  # [T, R]
            return mean_known(1 - ratio(measured.squared_error(weights), spread))

        return compute
