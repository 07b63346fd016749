"""F1, averaged over the classes that occur in labels or decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import OfCounts
from headstart.metrics._ranks import mean_known, ratio


@dataclass(frozen=True)
class F1Macro(OfCounts):
    """F1, mean over classes."""

    title: ClassVar[str] = "F1 macro"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    undefined: ClassVar[str] = "it needs a class that occurs in labels or decisions"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, mean over classes"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return mean_known(ratio(2 * hits, support + chosen))
