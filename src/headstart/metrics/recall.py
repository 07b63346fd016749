"""Share of the rows of the positive class that are decided as it; of two classes, the second is positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import OfCounts
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class Recall(OfCounts):
    """Recall of the positive class."""

    title: ClassVar[str] = "Recall"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    undefined: ClassVar[str] = "it needs a row of the positive class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"share, of '{names[1]}'"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return ratio(hits, support)[1]
