"""Harmonic mean of precision and recall of entities, all classes together (micro-average), by seqeval's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.metrics._of_entities import OfEntities, f1


@dataclass(frozen=True)
class EntityF1(OfEntities):
    """Harmonic mean of precision and recall of entities, all classes together (micro-average), by seqeval's rules."""

    title: ClassVar[str] = "Entity F1"

    def of(self, labelled: np.ndarray, decided: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the entities of the rows, each [R]."""
        return f1(labelled, decided, both)
