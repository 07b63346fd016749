"""F1 of all labels together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class F1Micro:
    """F1 of all labels together."""

    title: ClassVar[str] = "F1 micro"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "it needs a class that occurs in labels or decisions"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, all labels together"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            support, chosen, hits = (count.sum(axis=0) for count in measured.counts(weights))
            return ratio(2 * hits, support + chosen)

        return compute
