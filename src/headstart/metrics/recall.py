"""Share of the rows of the positive class that are decided as it; of two classes, the second is positive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class Recall:
    """Recall of the positive class."""

    title: ClassVar[str] = "Recall"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "it needs a row of the positive class"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"share, of '{names[1]}'"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""

        def compute(weights: np.ndarray) -> np.ndarray:
            support, _, hits = measured.counts(weights)
            return ratio(hits, support)[1]

        return compute
