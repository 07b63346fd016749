"""Infer the kind of a target from its label columns: each kind is asked whether they are its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core import plugins
from headstart.core.columns import Column, as_text, blank_cells, cells_of, numbers_of
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import TargetPlan, is_word
from headstart.targets._doubts import amount, hint, written_list

if TYPE_CHECKING:
    import pandas as pd

    from headstart.core.types import Target

MOST_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class LabelCells:
    """The label columns of the training rows.

    filled: the cells of each that are not blank. gaps: others are there. parents: the last column is of parents.
    """

    columns: tuple[str, ...]
    filled: tuple[Column, ...]
    separator: str | None = None
    gaps: bool = False
    parents: bool = False

    @classmethod
    def of(
        cls, frame: pd.DataFrame, columns: Sequence[str], separator: str | None, *, parents: bool = False
    ) -> LabelCells:
        """Take the cells of label columns."""
        filled = tuple(frame[name][~blank_cells(frame[name])] for name in columns)
        return cls(tuple(columns), filled, separator, sum(map(len, filled)) < len(frame) * len(columns), parents)

    @cached_property
    def cells(self) -> list[Any]:
        """The cells of all columns that are not blank."""
        return [cell for column in self.filled for cell in cells_of(column)]

    @cached_property
    def numbers(self) -> np.ndarray:
        """The numbers among the cells, [M] float64."""
        return np.concatenate([np.zeros(0), *(values[found] for values, found in self._read)])

    @cached_property
    def flags(self) -> bool:
        """Whether every cell is 0 or 1."""
        return len(self.numbers) == len(self) and bool(np.isin(self.numbers, (0.0, 1.0)).all())

    @cached_property
    def lists(self) -> bool:
        """Whether there are cells with several values, or all are text in which a list is written."""
        kinds = list | tuple | set | frozenset | np.ndarray
        if any(isinstance(cell, kinds) for column in self._objects for cell in column):
            return True
        return written_list(next(iter(self.cells), None)) is not None and all(
            written_list(cell) is not None for cell in dict.fromkeys(self.cells)
        )

    @cached_property
    def words(self) -> bool:
        """Whether the cells are names rather than numbers; True and False are names."""
        if len(self.numbers) < len(self):
            return True
        return sum(map(len, self._objects)) == len(self) and all(isinstance(c, bool) for o in self._objects for c in o)

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        if self.words:
            return len({str(cell) for cell in self.cells})
        return len(np.unique(self.numbers, equal_nan=False))

    @cached_property
    def measures(self) -> bool:
        """Whether numbers measure something: fractions, whole numbers written as fractions, or too many values."""
        values = np.unique(self.numbers)
        if not (np.isfinite(values) & (values == np.floor(values))).all():
            return True
        if not self.gaps and not np.isin(values, (0.0, 1.0)).all() and not any(map(_is_whole, self.cells)):
            return True  # beside gaps, pandas writes every whole number so
        few = len(values) <= MOST_INTEGER_CLASSES and (len(values) <= 2 or len(self.numbers) >= 2 * len(values))
        numbered = values[0] in {0, 1} and np.array_equal(values, values[0] + np.arange(len(values)))
        return not few and not (numbered and 5 * len(values) <= len(self.numbers))

    def __len__(self) -> int:
        return sum(map(len, self.filled))

    @cached_property
    def _objects(self) -> list[list[Any]]:
        """The cells of the columns that hold more than text."""
        return [cells_of(column) for column in self.filled if as_text(column) is None]

    @cached_property
    def _read(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [numbers_of(column) for column in self.filled]


def _is_whole(cell: Any) -> bool:
    """Return whether a number is written without a point."""
    return cell.strip().lstrip("+-").isdigit() if isinstance(cell, str) else not isinstance(cell, float)


def _is_phrase(cell: Any) -> bool:
    return len(str(cell).split()) > 2


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
    labels = LabelCells.of(frame, columns, plan.separator, parents=plan.parents is not None)
    kind = _kind_of(labels)
    if kind is None:
        raise UsageError(
            f"Several label columns must hold numbers: {first_few(columns)}. For classes, name one column."
        )
    doubted = labels.words and not (labels.lists or labels.separator or kind.dense)
    if doubted and labels.distinct * 2 > len(labels) >= 20 and (not plan.labels or amount(labels.cells)):
        said = hint(labels.cells)
        mend = (
            f"For classes all the same: {option('task', 'multiclass')}."
            if plan.labels
            else f"If it is the label, name it ({option('label', columns[0])}); else name another. "
            f"Columns: {first_few(frame.columns)}."
        )
        raise UsageError(
            f"The column '{columns[0]}' has {labels.distinct} different values in {len(labels)} rows"
            f"{f'; {said}' if said else ''}. {mend}"
        )
    return kind.of(columns, plan.separator)


def divided(frame: pd.DataFrame, columns: Sequence[str], plan: TargetPlan) -> dict[str, TargetPlan]:
    """Make a target of each of several label columns that are of different kinds, or that no kind takes together.

    Args:
        frame: The labelled training rows.
        columns: The label columns.
        plan: What the user named.

    Returns:
        The plan of each by name, which is its column's in letters, digits, _ and -; none where one target has all of
        the columns: they are of one kind, or the kind or a separator is named.
    """
    if plan.task or plan.separator or plan.parents or len(columns) < 2:
        return {}
    alone = {_kind_of(LabelCells.of(frame, [column], None)) for column in columns}
    if (len(alone) == 1 or not plan.labels) and _kind_of(LabelCells.of(frame, columns, None)) is not None:
        return {}
    names: dict[str, TargetPlan] = {}
    for column in columns:
        word = re.sub(r"[^\w-]+", "_", column)
        word = word if is_word(word) else f"label_{word}"
        names[word if word not in names else f"{word}_{len(names)}"] = TargetPlan((column,))
    return names


def _kind_of(labels: LabelCells) -> Any:
    """Return the first kind in order that says that the cells are its own; None where none does."""
    kinds: list[Any] = [plugins.load("targets", name) for name in plugins.names("targets")]
    return next((kind for kind in sorted(kinds, key=lambda kind: kind.order) if kind.fits(labels)), None)


def doubts(frame: pd.DataFrame, target: Target, plan: TargetPlan) -> list[str]:
    """Tell the other readings of a label column that are close, with their options.

    Args:
        frame: The labelled training rows.
        target: As it was inferred.
        plan: What the user named is not doubted; but of a kind that takes several labels a cell, a separator may be
            left out by mistake.

    Returns:
        Notes.
    """
    if (plan.task and not hasattr(target, "separator")) or plan.separator or len(target.columns) != 1 or target.dense:
        return []
    labels = LabelCells.of(frame, target.columns, None)
    where = f"label: column '{target.columns[0]}'"
    if labels.lists or not len(labels):
        return []
    if labels.words:
        said = hint(labels.cells)
        if (
            not said
            and labels.distinct * 2 > len(labels) >= 20
            and sum(map(_is_phrase, labels.cells)) * 2 > len(labels)
        ):
            said = f"texts, taken for classes ({option('task', 'generation')}: for answers that are to be written)"
        return [f"{where}: {said}"] if said else []
    if plan.task:
        return []
    whole = np.isfinite(labels.numbers).all() and (labels.numbers == np.floor(labels.numbers)).all()
    few = labels.distinct <= MOST_INTEGER_CLASSES and (whole or 2 * labels.distinct <= len(labels))
    if not few or (labels.distinct <= 2 and not labels.measures):
        return []
    what = "whole numbers" if whole else f"{labels.distinct} different numbers"
    if np.array_equal(np.unique(labels.numbers), np.arange(labels.distinct)) and not labels.measures:
        return []  # as classes are numbered
    if labels.measures:
        return [f"{where}: {what}, taken for amounts ({option('task', 'multiclass')}: for classes)"]
    return [f"{where}: whole numbers, taken for classes ({option('task', 'regression')}: for amounts)"]
