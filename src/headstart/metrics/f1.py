"""Harmonic mean of precision and recall of the positive class, the second of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class F1:
    """F1 of the positive class."""

    title: ClassVar[str] = "F1"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "it needs a row that is of the positive class, or decided as it"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"0 to 1, of '{names[1]}'"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            support, chosen, hits = measured.counts(weights)
            return ratio(2 * hits, support + chosen)[1]

        return compute
