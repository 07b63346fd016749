"""Spearman's rank correlation of labels and predictions, averaged over the columns that have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import correlation, mean_known, ranks


@dataclass(frozen=True)
class Spearman:
    """Spearman's rank correlation; each resample is ranked anew."""

    title: ClassVar[str] = "Spearman"
    forms: ClassVar[tuple[Form, ...]] = ("values",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "it needs labels and predictions that vary"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "−1 to 1"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        pairs = [(ranks(a), ranks(b)) for a, b in zip(measured.labels.T, measured.predictions.T, strict=True)]

        def compute(weights: np.ndarray) -> np.ndarray:
            return mean_known(np.stack([correlation(a(weights), b(weights), weights) for a, b in pairs]))

        return compute
