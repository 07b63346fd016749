"""Share of the rows of the positive class that are decided as it; of two classes, the second is positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Recall(ShareOfRows):
    """Recall of the positive class."""

    title: ClassVar[str] = "Recall"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    width: ClassVar[int | None] = 2
    undefined: ClassVar[str] = "it needs a row of the positive class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"share, of '{names[1]}'"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows are right, and of which rows that is a share, both [N] bool."""
        return measured.right, measured.labels == 1
