"""One of several targets counts: a criterion looks at it alone, and the others may be as bad as they like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headstart.core.choosing import most_rows
from headstart.core.types import Criterion, Measured, Score, Task


@dataclass(frozen=True)
class OfTarget:
    """Scores by a criterion what is measured of one target, on the rows that have its label.

    Attributes:
        criterion: What scores; it sees a task of that target alone. Rows of pools without labels are shown as they are.
        target: Its name.
    """

    criterion: Criterion
    target: str

    @property
    def features(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the criterion asks for features."""
        return self.criterion.features

    @property
    def most(self) -> int | None:
        """How many rows of a pool without labels the criterion looks at."""
        return most_rows(self.criterion)

    @property
    def pools(self) -> tuple[str, ...]:
        """What the criterion asks for."""
        return self.criterion.pools

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Score the target alone; None where rows have labels and none of them one of the target."""
        if any(each.rows.labels and self.target not in each.rows.targets for each in measured.values()):
            return None
        return self.criterion.score(task.alone(self.target), {pool: self._own(each) for pool, each in measured.items()})

    def _own(self, measured: Measured) -> Measured:
        rows, outputs = measured.rows, measured.outputs[self.target]
        if not rows.labels:
            return replace(measured, outputs={self.target: outputs})
        places, features = rows.places(self.target), measured.features
        return Measured(
            rows.of(self.target), {self.target: outputs[places]}, None if features is None else features[places]
        )
