"""The share of rows whose answer is the label: letter for letter, or for pieces of a context by SQuAD's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._answers import best, exact
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class ExactMatch(ShareOfRows):
    """The share of rows whose answer is the label: letter for letter, or for pieces of a context by SQuAD's rules."""

    title: ClassVar[str] = "exact match"
    forms: ClassVar[tuple[Form, ...]] = ("texts", "spans")

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which answers are the label."""
        right = measured.labels == measured.predictions
        if measured.form == "spans":  # several may be right
            pairs = zip(measured.labels, measured.predictions, strict=True)
            right = np.array([best(exact, *each) for each in pairs]) == 1
        return right, np.ones(len(measured.labels), dtype=bool)
