"""Share of the pixels whose class is decided rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._areas import OfAreas
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class PixelAccuracy(OfAreas):
    """Pixel accuracy; of one class alone the share of its pixels that are found."""

    title: ClassVar[str] = "Pixel accuracy"
    undefined: ClassVar[str] = "it needs a pixel that is of a class"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of pixels"

    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the pixels of the rows by class, each [C, R]."""
        return ratio(both.sum(axis=0), labelled.sum(axis=0))
