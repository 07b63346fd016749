"""Mean average precision at R, the number of other rows of the class (Musgrave et al. 2020, arXiv:2003.08505)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import MeanOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class MapAtR(MeanOfRows):
    """Mean average precision at R."""

    title: ClassVar[str] = "MAP at R"
    forms: ClassVar[tuple[Form, ...]] = ("embeddings",)
    undefined: ClassVar[str] = "it needs two rows of a class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, mean over rows that are looked for"

    def of_rows(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Give the average precision of each row, and the rows that are looked for."""
        found = measured.neighbours
        return found.precision, found.asked
