"""Targets of exactly one class a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.cells import class_name
from headstart.core.columns import cells_of
from headstart.core.errors import DataError, first_few
from headstart.core.interface import option
from headstart.core.task import kind_of
from headstart.targets._class_list import encode_names, find_classes
from headstart.targets._class_outcomes import ClassOutcomes
from headstart.targets._doubts import hint
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output

MOST_SINGLE = 4  # classes that may have one row each


@dataclass(frozen=True)
class OneClass(ClassOutcomes, BaseTarget):
    """Exactly one class a row: labels [N] int64, one column of names. most: the most classes there may be."""

    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    balances: ClassVar[tuple[str, ...]] = ("weights", "sampler", "focal", "logit_adjust")
    most: ClassVar[int | None] = None
    one_column: ClassVar[str] = "label column"

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by its class list. DataError: labels are missing or cannot be used."""
        self.check_present(frames)
        classes = find_classes(train, frames, self.columns[0], _alone)
        if self.most is not None and len(classes) > self.most:
            raise DataError(
                f"A {kind_of(self)} task has two classes; the column '{self.columns[0]}' has {len(classes)}: "
                f"{first_few(classes)}."
            )
        rows = sum(len(frame) for frame in frames.values())
        if rows == len(classes) > MOST_SINGLE:
            said = hint(cells_of(train[self.columns[0]]))
            raise DataError(
                f"Each of the {rows:,} classes in column '{self.columns[0]}' has one row only, so that nothing can be "
                f"learnt of it{f': {said}' if said else ''}. If they are numbers, say {option('task', 'regression')}; "
                f"if they name the rows, name another column ({option('label')})."
            )
        return replace(self, classes=classes)

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which labelled rows have no class but those of the class list, [N] bool."""
        return np.array([class_name(cell) in self.classes for cell in cells_of(frame[self.columns[0]])], dtype=bool)

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Turn the labels of a split into classes [N] int64. DataError: classes that were not in training."""
        found = encode_names(frame, self.columns[0], _alone, self.classes)
        return np.array([row[0] for row in found], dtype=np.int64)

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.classes)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: cross-entropy, softmax."""
        from headstart.targets._outputs import ClassOutput

        return ClassOutput(len(self.classes))

    def strata(self, labels: Labels) -> np.ndarray | None:
        """Return the class of each row, [N]."""
        return labels

    def choose_imbalance(self, labels: Labels, options: LossOptions) -> tuple[str, str]:
        """Choose by the most and the least frequent class; the choice, and why in words."""
        from headstart.targets._balance import EVEN

        if options.class_weights:
            return "none", "the objective has class_weights of its own"
        counts = np.bincount(labels, minlength=len(self.classes))
        most, least = int(counts.argmax()), len(counts) - 1 - int(counts[::-1].argmin())
        sizes = f"{self.classes[most]} has {counts[most]:,} rows, {self.classes[least]} has {counts[least]:,}"
        return ("none" if counts[most] <= EVEN * counts[least] else "logit_adjust"), sizes

    @classmethod
    def from_array(cls, y: np.ndarray) -> tuple[Self, np.ndarray, np.ndarray]:
        """Make a target of an array of labels.

        Args:
            y: Any labels [N] that can be sorted.

        Returns:
            The target, its encoded labels [N], and the labels that its classes stand for.
        """
        values, labels = np.unique(y, return_inverse=True)
        target = cls(("y",), tuple(class_name(name) for name in values.tolist()))
        return target, labels.astype(np.int64), values

    def to_array(self, outputs: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Turn probabilities [N, C] into labels [N] of the array that `from_array` took; `values` is what it gave."""
        return values[outputs.argmax(axis=1)]


def _alone(cell: Any) -> list[Any]:
    return [cell]
