"""What metrics of masks have in common: the pixels of each class, by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


class OfAreas(Usual, ABC):
    """A metric of how many pixels are in each class by label, by decision and by both."""

    forms: ClassVar[tuple[Form, ...]] = ("masks",)

    @abstractmethod
    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the pixels of the rows by class, each [C, R]."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]: its rows hold pixels [N, C, 3], labelled, decided and both."""
        areas = measured.labels.astype(np.float64)

        def compute(weights: np.ndarray) -> np.ndarray:
            return self.of(*np.einsum("nck,nr->kcr", areas, weights))

        return compute
