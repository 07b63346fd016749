"""How much of the way down a tree of classes is decided rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class HierarchicalF1(Usual):
    """Hierarchical F1: a class of the right parent is half right.

    Kiritchenko et al. (2005); Silla & Freitas (2011, Data Mining and Knowledge Discovery 22), section 6: F1 of the sets
    of a class with what is above it. Under one level of parents all sets have two members, so that precision and recall
    are the same, and the mean height of the lowest common ancestor (Bertinetto et al. 2020, arXiv 1912.09393) is twice
    what is missing from 1.
    """

    title: ClassVar[str] = "Hierarchical F1"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    of_trees: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 1, half for the parent"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        above, decided = measured.above, measured.decisions
        assert above is not None and decided is not None
        half = (measured.right.astype(np.float64) + (above[measured.labels] == above[decided])) / 2
        return lambda weights: measured.mean(half, weights)
