"""Harmonic mean of precision and recall of the positive class, the second of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import OfCounts
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class F1(OfCounts):
    """F1 of the positive class."""

    title: ClassVar[str] = "F1"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    undefined: ClassVar[str] = "it needs a row that is of the positive class, or decided as it"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"0 to 1, of '{names[1]}'"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return ratio(2 * hits, support + chosen)[1]
