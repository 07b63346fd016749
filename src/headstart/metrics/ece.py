"""Mean gap of confidence and correctness over 15 bins (Guo et al. 2017, arXiv:1706.04599, eq. 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Gap
from headstart.metrics._bins import BINS, bin_places
from headstart.metrics._measured import Measured, by_place


@dataclass(frozen=True)
class Ece(Gap):
    """Expected calibration error."""

    title: ClassVar[str] = "Expected calibration error"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    higher_is_better: ClassVar[bool] = False
    of_probabilities: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "probability, 0 to 1"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        top, likeliest = measured.predictions.max(axis=1), measured.predictions.argmax(axis=1)
        gap = (likeliest == measured.labels) - top  # [N]
        in_bin = by_place(bin_places(top), np.arange(len(top)), (BINS, len(top)), gap)
        return lambda weights: np.abs(np.asarray(in_bin @ weights)).sum(axis=0) / measured.total(weights)

    def chance(self, measured: Measured, random: np.random.Generator, draws: int) -> np.ndarray:
        """Draw the error of probabilities that are right (Bröcker & Smith 2007), each bin's from a normal, [draws]."""
        top = measured.predictions.max(axis=1)
        variance = np.bincount(bin_places(top), top * (1 - top), minlength=BINS)
        return np.abs(random.normal(size=(draws, BINS)) * np.sqrt(np.maximum(variance, 0))).sum(axis=1) / len(top)
