"""F1 of all labels together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import OfCounts
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class F1Micro(OfCounts):
    """F1 of all labels together."""

    title: ClassVar[str] = "F1 micro"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)
    undefined: ClassVar[str] = "it needs a class that occurs in labels or decisions"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, all labels together"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return ratio(2 * hits.sum(axis=0), support.sum(axis=0) + chosen.sum(axis=0))
