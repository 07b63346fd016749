"""Share of rows with every label decided rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class SubsetAccuracy(ShareOfRows):
    """Subset accuracy."""

    title: ClassVar[str] = "Subset accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("labels",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows with every label right"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows are right, and of which rows that is a share, both [N] bool."""
        return np.all(measured.right, axis=1), np.ones(len(measured.right), bool)
