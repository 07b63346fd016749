"""What criteria have in common that look at nothing but the class probabilities of rows without labels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.plugins import name_of
from headstart.core.types import LEAST_TO_CHOOSE, Measured, Score, Task
from headstart.evaluation.quick import jackknifed


@dataclass(frozen=True)
class OfShares(ABC):
    """A figure of class probabilities; of several targets the mean.

    Attributes:
        pool: The rows without labels: "target" where there are two domains, else "unlabelled".
        most: So many of them are looked at, drawn by the seed.
        least: By fewer nothing is chosen.
    """

    pool: str = "target"
    most: int = 500
    least: int = LEAST_TO_CHOOSE

    features: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ("classes",)
    higher_is_better: ClassVar[bool] = True

    @property
    def pools(self) -> tuple[str, ...]:
        """The rows without labels."""
        return (self.pool,)

    @abstractmethod
    def figure(self, shares: np.ndarray) -> float:
        """Compute the figure of probabilities [N, C]."""

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Compute the figure with its noise; where a probability is not finite it is the worst there is."""
        given = measured[self.pool].outputs
        found = [given[name].astype(np.float64) for name, t in task.predicted.items() if t.form in self.forms]

        def figure(kept: np.ndarray) -> float:
            if not all(np.isfinite(shares).all() for shares in found):
                return -math.inf if self.higher_is_better else math.inf
            return float(np.mean([self.figure(shares[kept]) for shares in found]))

        return jackknifed(
            name_of(self), self.higher_is_better, len(found[0]), self.least, figure, f"rows of {self.pool}"
        )
