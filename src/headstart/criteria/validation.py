"""The primary metric of the validation rows; of several targets the mean of their validation losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Measured, Score, Task
from headstart.criteria.loss import mean_loss
from headstart.evaluation.quick import score


@dataclass(frozen=True)
class Validation:
    """Choose the step that does best on validation; without validation rows the last step counts."""

    features: ClassVar[bool] = False

    @property
    def pools(self) -> tuple[str, ...]:
        """The validation split."""
        return ("validation",)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score:
        """Compute the primary metric of the only target, or the mean loss of several."""
        validation = measured["validation"]
        if len(task.targets) != 1:
            return Score("mean_loss", mean_loss(task, validation), higher_is_better=False)
        name = next(iter(task.targets))
        return Score(*score(task, validation.rows.labels[name], validation.outputs[name]))
