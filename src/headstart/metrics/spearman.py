"""Spearman's rank correlation of labels and predictions, averaged over the columns that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._bases import Correlation
from headstart.metrics._ranks import ranks


@dataclass(frozen=True)
class Spearman(Correlation):
    """Spearman's rank correlation; each resample is ranked anew."""

    title: ClassVar[str] = "Spearman"

    def correlated(self, column: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the ranks of a column [N]."""
        return ranks(column)
