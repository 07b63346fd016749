"""Any number of classes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.cells import class_name
from headstart.core.columns import Column, cells_of, missing_cells, numbers
from headstart.core.errors import UsageError
from headstart.targets._class_list import encode_names, find_classes
from headstart.targets._doubts import written_list
from headstart.targets._infer import LabelCells
from headstart.targets._label_outcomes import LabelOutcomes
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Multilabel(LabelOutcomes, BaseTarget):
    """Any number of classes a row.

    columns: one whose cells hold names or lists of them, or one of 0 and 1 for each class. classes: by name.
    separator: what stands between the names in a cell that is text.
    """

    separator: str | None = None

    # labels: read, encoded, learnt

    order: ClassVar[int] = 10
    losses: ClassVar[tuple[str, ...]] = ("binary_cross_entropy",)
    balances: ClassVar[tuple[str, ...]] = ("weights", "focal")
    array_type: ClassVar[str] = "multilabel-indicator"

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether there is a separator, a column with lists, or several columns of 0 and 1."""
        if labels.separator:
            return True
        return labels.lists if len(labels.columns) == 1 else labels.flags

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target of one column of lists, or of a column of 0 and 1 for each class."""
        return cls(tuple(columns), separator=separator)

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by its class list. DataError: labels are missing or cannot be used."""
        self.check_present(frames)
        if self._flags:
            return replace(self, classes=self.columns)
        return replace(self, classes=find_classes(train, frames, self.columns[0], self._split))

    def unlabelled(self, column: Column) -> np.ndarray:
        """Return which cells are missing; blank text in a column of lists is a row without any of the classes."""
        return super().unlabelled(column) if self._flags else missing_cells(column)

    def knows(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which labelled rows have no class but those of the class list, [N] bool."""
        if self._flags:
            return super().knows(frame)
        cells = cells_of(frame[self.columns[0]])
        return np.array([all(class_name(name) in self.classes for name in self._split(cell)) for cell in cells])

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Turn the labels of a split into 0 and 1, [N, C] float32. DataError: cells that cannot be used."""
        if self._flags:
            return numbers(frame, self.columns, flags=True)
        found = encode_names(frame, self.columns[0], self._split, self.classes)
        labels = np.zeros((len(found), len(self.classes)), dtype=np.float32)
        for row, places in enumerate(found):
            labels[row, places] = 1
        return labels

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.classes)

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: binary cross-entropy, sigmoid."""
        from headstart.targets._outputs import LabelsOutput

        return LabelsOutput()

    def strata(self, labels: Labels) -> np.ndarray | None:
        """Return the rarest class of each row, [N]; -1 where it has none."""
        frequency = np.where(labels > 0, labels.sum(axis=0), np.inf)  # [N, C]
        return np.where(labels.any(axis=1), frequency.argmin(axis=1), -1)

    def check_imbalance(self, kind: str, options: LossOptions) -> None:
        """Check that a way of making up for rare classes works label by label. UsageError: it does not."""
        if kind in ("sampler", "logit_adjust"):
            raise UsageError(
                f"imbalance '{kind}' needs rows of one class each; this task is multi-label. "
                "Use 'weights' or 'focal', which work label by label."
            )
        super().check_imbalance(kind, options)

    def choose_imbalance(self, labels: Labels, options: LossOptions) -> tuple[str, str]:
        """Choose by the rarest label; the choice, and why in words."""
        from headstart.targets._balance import EVEN

        if options.class_weights:
            return "none", "the objective has class_weights of its own"
        counts = labels.sum(axis=0)
        rarest = int(counts.argmin())
        share = f"the rarest label, {self.classes[rarest]}, is on {int(counts[rarest]):,} of {len(labels):,} rows"
        return ("weights" if counts[rarest] * 2 * EVEN < len(labels) else "none"), share

    @classmethod
    def from_array(cls, y: Any) -> tuple[Self, np.ndarray, np.ndarray]:
        """Make a target of an array of 0 and 1, or of a frame whose columns name the classes.

        Args:
            y: 0 or 1 for each row and class, [N, C].

        Returns:
            The target, its labels [N, C], and the numbers of its columns.
        """
        names = tuple(str(name) for name in getattr(y, "columns", range(np.shape(y)[1])))
        return cls(names, names), np.array(y, dtype=np.float32), np.arange(len(names))

    def to_array(self, outputs: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Turn probabilities [N, C] into 0 and 1, [N, C]; there are no other `values`."""
        return (outputs >= 0.5).astype(int)

    def cell(self, named: Any) -> str:
        """Join the names of a row's classes by the separator of the label column, by "|" where it has none."""
        return (self.separator or "|").join(named)

    @property
    def _flags(self) -> bool:
        """Whether every class has its own column of 0 and 1."""
        return len(self.columns) > 1

    def _split(self, cell: Any) -> list[Any]:
        written = None if self.separator else written_list(cell)
        if written is not None:
            return written
        if isinstance(cell, str):
            parts = cell.split(self.separator) if self.separator else [cell]
            return [part.strip() for part in parts if part.strip()]
        return list(cell) if isinstance(cell, list | tuple | set | frozenset | np.ndarray) else [cell]

    # what comes out: decisions, figures, tables, report: `_label_outcomes.py`
