"""F1, averaged over the classes that occur in labels or decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import mean_known, ratio


@dataclass(frozen=True)
class F1Macro:
    """F1, mean over classes."""

    title: ClassVar[str] = "F1 macro"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "it needs a class that occurs in labels or decisions"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, mean over classes"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            support, chosen, hits = measured.counts(weights)
            return mean_known(ratio(2 * hits, support + chosen))

        return compute
