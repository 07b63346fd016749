"""The share of the entities found that are right in words and class, by seqeval's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._of_entities import OfEntities
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class EntityPrecision(OfEntities):
    """The share of the entities found that are right in words and class, by seqeval's rules."""

    title: ClassVar[str] = "Entity precision"

    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the entities of the rows, each [R]."""
        return ratio(both, decided)
