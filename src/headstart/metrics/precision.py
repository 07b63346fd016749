"""Share of the rows decided as the positive class that are of it; of two classes, the second is positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import OfCounts
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class Precision(OfCounts):
    """Precision of the positive class."""

    title: ClassVar[str] = "Precision"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    undefined: ClassVar[str] = "it needs a row that is decided as the positive class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"share, of '{names[1]}'"

    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""
        return ratio(hits, chosen)[1]
