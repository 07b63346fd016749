"""Share of the pairs of a row in a class and one outside that are in the right order; ties count half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Auroc(Usual):
    """Area under the ROC curve, mean over classes; of the positive one where there are two."""

    title: ClassVar[str] = "AUROC"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    undefined: ClassVar[str] = "it needs a class with rows in it and rows outside it"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1; chance is 0.5"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        return lambda weights: measured.ranked(weights).auroc
