"""What metrics of tags have in common: entities by row, as seqeval 1.2.2 counts them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


class OfEntities(Usual, ABC):
    """A share of all entities of the rows together (micro-average): one is right where words and class are the same.

    Rows hold counts [N, C + 1, 3], labelled, decided and both: of the entities of C classes, then of words.
    """

    forms: ClassVar[tuple[Form, ...]] = ("tags",)
    undefined: ClassVar[str] = "it needs tags that write entities, such as B-PER"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of entities, all classes together"

    @abstractmethod
    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the entities of the rows, each [R]; NaN where it has nothing to divide by."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]: it is 0, as in seqeval, where it has nothing to divide by but there
        are entities.
        """
        entities = measured.labels[:, :-1].sum(axis=1).T.astype(np.float64)  # [3, N]

        def compute(weights: np.ndarray) -> np.ndarray:
            labelled, decided, both = entities @ weights
            found = self.of(labelled, decided, both)
            return np.where(np.isnan(found) & (labelled + decided > 0), 0.0, found)

        return compute


def f1(labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Compute the harmonic mean of precision and recall from counts; NaN where there are none."""
    return ratio(2 * both, labelled + decided)
