"""Share of labels that are decided wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class HammingLoss(Usual):
    """Hamming loss."""

    title: ClassVar[str] = "Hamming loss"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)
    higher_is_better: ClassVar[bool] = False

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of labels that are wrong"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        wrong = (~measured.right).mean(axis=1)
        return lambda weights: measured.mean(wrong, weights)
