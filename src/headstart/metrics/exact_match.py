"""The share of rows whose answer is the label, letter for letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class ExactMatch(ShareOfRows):
    """The share of rows whose answer is the label, letter for letter."""

    title: ClassVar[str] = "exact match"
    forms: ClassVar[tuple[Form, ...]] = ("texts",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which answers are the label."""
        return measured.labels == measured.predictions, np.ones(len(measured.labels), dtype=bool)
