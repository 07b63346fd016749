"""One of several classes a row, each of which is under a parent: coarse classes over fine ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.cells import class_name, number
from headstart.core.columns import blank_cells, cells_of
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.outcome import Measurements
from headstart.drawing.blocks import Section
from headstart.targets import _by_class
from headstart.targets._class_list import find_classes
from headstart.targets._classes import OneClass
from headstart.targets._infer import LabelCells

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Tree(OneClass):
    """One of several classes a row, each of which is under a parent: coarse classes over fine ones.

    parents: the parent of each class, by name; none makes each class its own. parent_column: of the table.
    """

    # labels: read, encoded, learnt

    order: ClassVar[int] = 10
    takes_parents: ClassVar[bool] = True
    parents: tuple[str, ...] = ()
    parent_column: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", self.parents or self.classes)

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether the user has named a column of parents."""
        return labels.parents and len(labels.columns) == 2

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target of the column of classes and that of their parents. UsageError: they are not two."""
        if len(columns) != 2:
            raise UsageError(
                f"A tree has a column of classes and one of their parents; named are {first_few(columns) or 'none'}. "
                f"Name both, the classes first: {option('label', 'CLASS,PARENT')}."
            )
        return replace(super().of(columns[:1], separator), parent_column=columns[1])

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by its class list and the parent of each class.

        Args:
            train: The labelled training rows.
            frames: All labelled rows by split.

        Returns:
            The target.

        Raises:
            DataError: Labels or parents are missing or cannot be used, or a class has several parents.
        """
        if self.parent_column not in train.columns:
            raise DataError(
                f"There is no column '{self.parent_column}' of parents: name it after the column of classes "
                f"({option('label', f'{self.columns[0]},PARENT')}); folders are PARENT/CLASS/FILE."
            )
        blank = train.index[blank_cells(train[self.parent_column])]
        if len(blank):
            said = f"has no parent (column '{self.parent_column}')"
            raise BadRows("Parents are missing:", [Problem(str(row), said, "name it") for row in blank])
        known = super().complete(train, frames)
        find_classes(train, {"train": train}, self.parent_column, lambda cell: [cell])
        found: dict[str, dict[str, str]] = {}  # by class and parent, the first row
        for row, label, parent in self._pairs(train):
            found.setdefault(label, {}).setdefault(parent, row)
        problems = [
            Problem(row, f"class '{label}' is under '{parent}' here, and elsewhere under another parent", "rename one")
            for label, parents in found.items()
            if len(parents) > 1
            for parent, row in parents.items()
        ]
        if problems:
            raise DataError("A class has one parent:", problems)
        return replace(known, parents=tuple(next(iter(found[name])) for name in known.classes))

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Turn the labels of a split into classes [N]. DataError: unknown ones, or under another parent than learnt."""
        labels = super().encode(frame)
        if self.parent_column not in frame.columns:
            return labels
        problems = [
            Problem(row, f"is under '{parent}'; '{label}' was under '{known}'", "correct one of them")
            for (row, label, parent), known in zip(self._pairs(frame), self._parents_of(labels), strict=True)
            if parent != known and (number(parent) is None or number(parent) != number(known))
        ]
        if problems:
            raise DataError("A class has the parent that it had in training:", problems)
        return labels

    def _pairs(self, frame: pd.DataFrame) -> list[tuple[str, str, str]]:
        """Return the name, the class and the parent of each row."""
        labels, parents = (map(class_name, cells_of(frame[c])) for c in (self.columns[0], self.parent_column))
        return list(zip(map(str, frame.index), labels, parents, strict=True))

    def _parents_of(self, labels: np.ndarray) -> list[str]:
        return [self.parents[place] for place in labels.tolist()]

    @cached_property
    def tops(self) -> tuple[str, ...]:
        """The parents, each once."""
        return tuple(sorted(set(self.parents)))

    @property
    def above(self) -> np.ndarray:
        """The place of each class's parent in `tops`, [C]."""
        return np.array([self.tops.index(name) for name in self.parents], dtype=np.int64)

    def describe(self) -> str:
        """Describe the classes, the parents, and which parents have one class only."""
        alone = [name for name in self.tops if self.parents.count(name) == 1]
        rest = f"; of one class only: {first_few(alone)}" if alone else ""
        parents = f"under {len(self.tops)} parents ({first_few(self.tops)}{rest})"
        return f"{len(self.classes)} classes ({first_few(self.classes)}) {parents}, read as tree"

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "classification in a tree"

    def table(
        self, labels: np.ndarray | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `label`, `prediction`, `parent` (that of the prediction) and `p:CLASS`."""
        columns = super().table(labels, outputs, thresholds)
        parent = self._parents_of(self.decide(outputs, thresholds))
        first = {name: columns.pop(name) for name in ("label", "prediction") if name in columns}
        return {**first, "parent": parent, **columns}

    def sections(self, measured: Measurements) -> list[Section]:
        """Show which parents are confused, too, by the parent of the class that was decided."""
        decided = self.decide(measured.outputs, measured.calibration.thresholds)
        blocks = _by_class.confusion(self.tops, self.above[measured.labels], self.above[decided])
        first, *rest = super().sections(measured)
        return [first, Section("Confusion of parents", blocks, early=True), *rest]
