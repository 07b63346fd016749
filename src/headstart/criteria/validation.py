"""The primary metric of the validation rows; of several targets the mean of their validation losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import LEAST_TO_CHOOSE, Measured, Score, Task
from headstart.evaluation.quick import rated


@dataclass(frozen=True)
class Validation:
    """Choose the step that does best on validation, by the loss where steps tie.

    With fewer than `least` validation rows, and without any, the last step counts: so few cannot tell steps apart.
    """

    least: int = LEAST_TO_CHOOSE

    features: ClassVar[bool] = False

    @property
    def pools(self) -> tuple[str, ...]:
        """The validation split."""
        return ("validation",)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Compute the primary metric of the only target, or the mean loss of several; None where none is predicted."""
        if not task.predicted:
            return None
        validation = measured["validation"]
        return rated(task, validation.rows, validation.outputs, self.least)
