"""Share of rows whose class is decided rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Accuracy(ShareOfRows):
    """Accuracy."""

    title: ClassVar[str] = "Accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows are right, and of which rows that is a share, both [N] bool."""
        return measured.right, np.ones(len(measured.right), bool)
