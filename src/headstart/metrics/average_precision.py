"""Mean over the rows of a class of the precision at their score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class AveragePrecision(Usual):
    """Average precision, mean over classes; of the positive one where there are two."""

    title: ClassVar[str] = "Average precision"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    undefined: ClassVar[str] = "it needs a row of a positive class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"0 to 1, of '{names[1]}'" if form == "classes" and len(names) == 2 else "0 to 1"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        return lambda weights: measured.ranked(weights).average_precision
