"""Intersection over union of each class, over the pixels of all rows (Jaccard 1912), averaged over classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._areas import OfAreas
from headstart.metrics._ranks import mean_known, ratio


@dataclass(frozen=True)
class MIoU(OfAreas):
    """Intersection over union, mean over the classes that occur in labels or decisions."""

    title: ClassVar[str] = "Mean IoU"
    undefined: ClassVar[str] = "it needs a pixel that is of a class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of the union, mean over classes"

    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the pixels of the rows by class, each [C, R]."""
        return mean_known(ratio(both, labelled + decided - both))
