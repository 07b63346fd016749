"""The F1 of the words that an answer shares with the right one, averaged over rows (arXiv:1606.05250, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._answers import best, overlap
from headstart.metrics._bases import MeanOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class TokenF1(MeanOfRows):
    """The F1 of the words that an answer shares with the right one, averaged over rows, as in SQuAD."""

    title: ClassVar[str] = "Token F1"
    forms: ClassVar[tuple[Form, ...]] = ("spans",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of words, mean over rows"

    def of_rows(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Compute the F1 of each row."""
        pairs = zip(measured.labels, measured.predictions, strict=True)
        return np.array([best(overlap, *each) for each in pairs]), np.ones(len(measured.labels), dtype=bool)
