"""What criteria have in common that weigh labelled rows of the source by how much they are like the target's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.plugins import name_of
from headstart.core.types import LEAST_TO_CHOOSE, Labels, Measured, Score, Target, Task
from headstart.evaluation.quick import jackknifed
from headstart.solvers.ratio import density_ratio


@dataclass(frozen=True)
class OfImportance(ABC):
    """An estimate of the risk on the target from the source's validation rows; the ratio of densities is of features.

    Attributes:
        pool: The target's rows.
        most: So many of them are looked at, drawn by the seed.
        least: By fewer validation rows nothing is chosen.
    """

    pool: str = "target"
    most: int = 500
    least: int = LEAST_TO_CHOOSE

    features: ClassVar[bool] = True

    @property
    def pools(self) -> tuple[str, ...]:
        """The source's validation rows, and rows of the target."""
        return ("validation", self.pool)

    @abstractmethod
    def risk(self, weights: np.ndarray, losses: np.ndarray) -> float:
        """Estimate the target's risk from the source's rows: their ratios of densities [N] and their losses [N]."""

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Estimate the share of the target's rows that are wrong, with its noise at the same ratios."""
        if not task.predicted:
            return None
        validation, other = measured["validation"], measured[self.pool]
        assert validation.features is not None and other.features is not None
        losses = _mean_losses(task, validation)
        finite = all(np.isfinite(each).all() for each in (validation.features, other.features, losses))
        weights = density_ratio(validation.features, other.features) if finite else np.full(len(losses), np.inf)
        figure = (lambda kept: self.risk(weights[kept], losses[kept])) if finite else (lambda kept: np.inf)
        return jackknifed(name_of(self), False, len(losses), self.least, figure)


def _mean_losses(task: Task, measured: Measured) -> np.ndarray:
    """Average what is wrong in each row, [N], over the targets that it has labels of."""
    rows = measured.rows
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for name, target in rows.predicted(task).items():
        places = rows.places(name)
        total[places] += row_losses(target, rows.labels_of(name), measured.outputs[name][places])
        count[places] += 1
    return total / count


def row_losses(target: Target, labels: Labels, outputs: np.ndarray) -> np.ndarray:
    """Compute what is wrong in each row, [N]: the share of its decisions, or without any the mean squared error."""
    decided = target.decide(outputs)
    if decided is None:
        return np.square(target.as_outputs(labels) - outputs).mean(axis=1)
    return (decided != labels).reshape(len(outputs), -1).mean(axis=1)
