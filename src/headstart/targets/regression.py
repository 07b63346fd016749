"""One number a row, or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.columns import numbers
from headstart.core.errors import DataError
from headstart.targets._infer import LabelCells
from headstart.targets._target import BaseTarget
from headstart.targets._value_outcomes import ValueOutcomes

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.types import Labels
    from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Regression(ValueOutcomes, BaseTarget):
    """One number a row, or several.

    columns: the columns of the table that hold the numbers. classes: none.
    """

    # labels: read, encoded, learnt

    order: ClassVar[int] = 20
    losses: ClassVar[tuple[str, ...]] = ("mse", "huber")

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether several columns hold numbers, or one holds numbers that measure something."""
        return not labels.lists and not labels.words and (len(labels.columns) > 1 or labels.measures)

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Turn the labels of a split into numbers [N, T] float32. DataError: cells that are no finite number."""
        return numbers(frame, self.columns)

    def check_training(self, labels: Labels) -> None:
        """Refuse numbers [N, T] that are the same in every training row (DataError)."""
        for name, column in zip(self.columns, labels.T, strict=True):
            if np.ptp(column) == 0:
                raise DataError(
                    f"The column '{name}' is {column[0]:g} in every training row. "
                    "There is nothing to learn from a constant."
                )

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.columns)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: squared error, the labels' own unit."""
        from headstart.targets._outputs import ValuesOutput

        return ValuesOutput(self.outputs)

    @classmethod
    def from_array(cls, y: np.ndarray, names: Any = None) -> tuple[Self, np.ndarray]:
        """Make a target of an array of numbers.

        Args:
            y: Numbers [N] or [N, T] float32.
            names: Names of the T numbers; None numbers them.

        Returns:
            The target, and its labels [N, T].
        """
        labels = y.reshape(len(y), -1)
        columns = [f"y{place}" for place in range(labels.shape[1])] if names is None else names
        return cls(tuple(str(name) for name in columns)), labels

    # what comes out: decisions, figures, tables, report: `_value_outcomes.py`
