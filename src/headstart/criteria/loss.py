"""The task's loss on the validation rows: finer than a metric where rows are few; of several targets the mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.types import Measured, Score, Task


@dataclass(frozen=True)
class ValidationLoss:
    """Choose the step with the lowest loss on validation; without validation rows the last step counts."""

    features: ClassVar[bool] = False

    @property
    def pools(self) -> tuple[str, ...]:
        """The validation split."""
        return ("validation",)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score:
        """Compute the mean over targets of the loss that each defines for its decoded outputs."""
        return Score("mean_loss", mean_loss(task, measured["validation"]), higher_is_better=False)


def mean_loss(task: Task, validation: Measured) -> float:
    """Average the targets' validation losses.

    Args:
        task: Its targets define the loss of labels [N, …] and outputs [N, …].
        validation: Labelled rows.

    Returns:
        The mean, lower being better.
    """
    targets: Mapping[str, Any] = task.targets
    losses = [
        target.validation_loss(validation.rows.labels[name], validation.outputs[name])
        for name, target in targets.items()
    ]
    return sum(losses) / len(losses)
