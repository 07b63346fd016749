"""Mean average precision at R, the number of other rows of the class (Musgrave et al. 2020, arXiv:2003.08505)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class MapAtR(Usual):
    """Mean average precision at R."""

    title: ClassVar[str] = "MAP at R"
    forms: ClassVar[tuple[Form, ...]] = ("embeddings",)
    undefined: ClassVar[str] = "it needs two rows of a class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, mean over rows that are looked for"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R] of the rows that are looked for."""
        found = measured.neighbours
        asked = found.asked.astype(np.float64)
        return lambda weights: ratio((found.precision * asked) @ weights, asked @ weights)
