"""The task's loss on the validation rows: finer than a metric where rows are few; of several targets the mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Measured, Score, Task
from headstart.evaluation.quick import rated_by_loss


@dataclass(frozen=True)
class ValidationLoss:
    """Choose the step with the lowest loss on validation.

    With fewer than `least` validation rows, and without any, the last step counts.
    """

    least: int = 10

    features: ClassVar[bool] = False

    @property
    def pools(self) -> tuple[str, ...]:
        """The validation split."""
        return ("validation",)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Compute the mean over targets of the loss that each defines for its decoded outputs."""
        if not task.predicted:
            return None
        validation = measured["validation"]
        return rated_by_loss(task, validation.rows, validation.outputs, self.least)
