"""The share of the labelled entities that are found, in words and class, by seqeval's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._of_entities import OfEntities
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class EntityRecall(OfEntities):
    """The share of the labelled entities that are found, in words and class, by seqeval's rules."""

    title: ClassVar[str] = "Entity recall"

    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the entities of the rows, each [R]."""
        return ratio(both, labelled)
