"""Infer the kind of a target from its label columns: each kind is asked whether they are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core import plugins
from headstart.core.cells import blank, number
from headstart.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.recipe import TargetPlan
    from headstart.core.types import Target

MOST_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class LabelCells:
    """The label columns of the training rows. cells: those of all columns that are not blank."""

    columns: tuple[str, ...]
    cells: Sequence[Any]
    separator: str | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Sequence[str], separator: str | None) -> LabelCells:
        """Take the cells of label columns."""
        cells = [cell for name in columns for cell in frame[name] if not blank(cell)]
        return cls(tuple(columns), cells, separator)

    @cached_property
    def numbers(self) -> list[float | None]:
        """Each cell as a number; None where it is not one."""
        return [number(cell) for cell in self.cells]

    @cached_property
    def lists(self) -> bool:
        """Whether there are cells with several values."""
        return any(isinstance(cell, list | tuple | set | frozenset | np.ndarray) for cell in self.cells)

    @cached_property
    def words(self) -> bool:
        """Whether the cells are names rather than numbers; True and False are names."""
        return None in self.numbers or all(isinstance(cell, bool) for cell in self.cells)

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len({str(cell) for cell in self.cells}) if self.words else len(set(self.numbers))

    @cached_property
    def measures(self) -> bool:
        """Whether numbers measure something: fractions, whole numbers written as fractions, or too many values."""
        numbers = [n for n in self.numbers if n is not None]
        values = set(numbers)
        if not all(np.isfinite(n) and n == int(n) for n in values):
            return True
        whole = [
            cell.strip().lstrip("+-").isdigit() if isinstance(cell, str) else not isinstance(cell, float)
            for cell in self.cells
        ]
        if not any(whole) and not values <= {0.0, 1.0}:
            return True
        few = len(values) <= MOST_INTEGER_CLASSES and (len(values) <= 2 or len(numbers) >= 2 * len(values))
        numbered = values == set(range(int(min(values)), int(min(values)) + len(values))) and min(values) in {0, 1}
        return not few and not (numbered and 5 * len(values) <= len(numbers))


def infer_target(frame: pd.DataFrame, columns: Sequence[str], plan: TargetPlan) -> Target:
    """Make the target of label columns.

    Args:
        frame: The labelled training rows.
        columns: The label columns.
        plan: May name the kind and the separator; whether it names the columns decides how much is doubted.

    Returns:
        The target, its classes still open.

    Raises:
        UsageError: No kind fits, or the kind does not go with the columns or the separator.
    """
    if plan.task:
        return plugins.load("targets", plan.task).of(columns, plan.separator)  # pyright: ignore[reportAttributeAccessIssue]
    labels = LabelCells.of(frame, columns, plan.separator)
    kinds: list[Any] = [plugins.load("targets", name) for name in plugins.names("targets")]
    kind = next((kind for kind in sorted(kinds, key=lambda kind: kind.order) if kind.fits(labels)), None)
    if kind is None:
        raise UsageError(
            f"Several label columns must hold numbers: {', '.join(columns)}. For classes, name one column."
        )
    many = labels.distinct * 2 > len(labels.cells) >= 20
    if many and labels.words and not (labels.lists or labels.separator or plan.labels):
        raise UsageError(
            f"The column '{columns[0]}' has {labels.distinct} different values in {len(labels.cells)} rows. If it is "
            f"the label, name it with labels; else name another. Columns: {', '.join(map(str, frame.columns))}."
        )
    return kind.of(columns, plan.separator)
