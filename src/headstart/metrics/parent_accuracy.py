"""Share of rows whose parent is decided rightly, in a tree of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class ParentAccuracy(ShareOfRows):
    """Accuracy of parents: the one whose classes are likeliest together."""

    title: ClassVar[str] = "Accuracy of parents"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    of_trees: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows' parent is right, and of which rows that is a share, both [N] bool."""
        above, shares = measured.above, measured.predictions
        assert above is not None
        together = np.stack([shares[:, above == parent].sum(axis=1) for parent in range(above.max() + 1)], axis=1)
        return together.argmax(axis=1) == above[measured.labels], np.ones(len(shares), bool)
