"""Turn label cells into targets: one class list, from the training rows, by name; every bad label is listed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.cells import numbers
from headstart.core.errors import DataError, Problem
from headstart.core.types import Task
from headstart.data.tables import blank, missing, number

if TYPE_CHECKING:
    import pandas as pd


def with_classes(task: Task, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame], separator: str | None) -> Task:
    """Complete a task by its class list, which holds the names in the training rows only.

    Args:
        task: The task, its classes still open.
        train: The labelled training rows.
        frames: All labelled rows by split, to find labels that are written in two ways.
        separator: What stands between the labels of a multi-label cell.

    Returns:
        The task.

    Raises:
        DataError: A label is missing or seems to be written in two ways, or there is only one class or one value.
    """
    check_present(frames, task)
    if task.kind == "regression":
        return task
    if _has_column_each(task):
        return _with_class_list(task, task.labels)
    _check_spelling(frames, task, separator)
    names = {name for cell in train[task.labels[0]] for name in map(class_name, _split(cell, task, separator))}
    classes = sorted(names, key=_order(names))
    if len(classes) < 2:
        only = f"only one class, '{classes[0]}'" if classes else "no class"
        raise DataError(
            f"The column '{task.labels[0]}' has {only}. A task needs at least two classes, or numbers that differ."
        )
    if task.kind == "binary" and len(classes) > 2:
        raise DataError(
            f"A binary task has two classes; the column '{task.labels[0]}' has {len(classes)}: "
            f"{', '.join(classes[:20])}."
        )
    return _with_class_list(task, tuple(classes))


def _with_class_list(task: Task, classes: tuple[str, ...]) -> Task:
    return Task.of(task.modality, task.kind, task.inputs, task.labels, classes)


def encode(frame: pd.DataFrame, task: Task, separator: str | None) -> np.ndarray:
    """Turn the labels of a split into targets.

    Args:
        frame: The rows.
        task: The task with its class list.
        separator: What stands between the labels of a multi-label cell.

    Returns:
        [N] int64 classes, [N, C] float32 multi-label, or [N, T] float32 regression.

    Raises:
        DataError: A class is not in the class list, or a number is not a finite one; all rows are listed.
    """
    if task.kind == "regression" or _has_column_each(task):
        return numbers(frame, task.labels, flags=task.kind == "multilabel")
    places = {name: place for place, name in enumerate(task.classes)}
    unseen: dict[str, list[str]] = defaultdict(list)
    found = []
    for row, cell in zip(frame.index, frame[task.labels[0]], strict=True):
        names = [class_name(value) for value in _split(cell, task, separator)]
        for name in names:
            if name not in places:
                unseen[name].append(str(row))
        found.append([places.get(name, 0) for name in names])
    if unseen:
        mend = "add training rows of it, or correct the label"
        problems = [
            Problem(row, f"class '{name}' is not among the training rows", mend)
            for name, rows in unseen.items()
            for row in rows
        ]
        raise DataError(
            f"Classes that were not in training: {', '.join(unseen)}. Known: {', '.join(task.classes)}.", problems
        )
    if task.kind != "multilabel":
        return np.array([row[0] for row in found], dtype=np.int64)
    targets = np.zeros((len(found), len(task.classes)), dtype=np.float32)
    for row, columns in enumerate(found):
        targets[row, columns] = 1
    return targets


def check_spread(targets: np.ndarray, task: Task) -> None:
    """Refuse a regression target [N, T] that is the same in every training row."""
    for name, column in zip(task.labels, targets.T, strict=True):
        if np.ptp(column) == 0:
            raise DataError(
                f"The column '{name}' is {column[0]:g} in every training row. "
                "There is nothing to learn from a constant."
            )


def class_name(value: Any) -> str:
    """Return the name of a class: text as it is, whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check_present(frames: Mapping[str, pd.DataFrame], task: Task) -> None:
    """Check that every row has its label; a blank multi-label cell is a row without labels.

    Args:
        frames: Rows by split.
        task: Says which columns are the labels.

    Raises:
        DataError: Labels are missing; all rows are listed.
    """
    problems = []
    many = task.kind == "multilabel" and not _has_column_each(task)
    for frame in frames.values():
        for column in task.labels:
            for row, cell in zip(frame.index, frame[column], strict=True):
                if missing(cell) or (blank(cell) and not many):
                    problems.append(
                        Problem(str(row), f"has no label (column '{column}')", "label the row or delete it")
                    )
    if problems:
        raise DataError(f"{len(problems)} labels are missing:", problems)


def _has_column_each(task: Task) -> bool:
    """Return whether every class has its own column of 0 and 1."""
    return task.kind == "multilabel" and len(task.labels) > 1


def _split(cell: Any, task: Task, separator: str | None) -> list[Any]:
    if task.kind != "multilabel":
        return [cell]
    if isinstance(cell, str):
        parts = cell.split(separator) if separator else [cell]
        return [part.strip() for part in parts if part.strip()]
    return list(cell) if isinstance(cell, list | tuple | set | frozenset | np.ndarray) else [cell]


def _order(names: set[str]) -> Any:
    values = {name: number(name) for name in names}
    return (lambda name: (values[name], name)) if all(v is not None for v in values.values()) else (lambda name: name)


def _check_spelling(frames: Mapping[str, pd.DataFrame], task: Task, separator: str | None) -> None:
    """Refuse labels that look like one class written in two ways: "cat" and " Cat", 1 and "1" and "1.0"."""
    spellings: dict[Any, Counter[str]] = defaultdict(Counter)
    first: dict[str, str] = {}
    for row, value in _values(frames, task, separator):
        text = str(value).strip().casefold()
        as_number = number(value) if not isinstance(value, bool) else None
        spelling = repr(value)
        spellings[text if as_number is None else as_number][spelling] += 1
        first.setdefault(spelling, row)
    problems = [
        Problem(
            first[spelling],
            f"{spelling} ({count} rows) and {', '.join(s for s in ways if s != spelling)} seem to be one class",
            "write them alike",
        )
        for ways in spellings.values()
        if len(ways) > 1
        for spelling, count in ways.items()
    ]
    if problems:
        raise DataError(f"Labels in column '{task.labels[0]}' are written in more than one way:", problems)


def _values(frames: Mapping[str, pd.DataFrame], task: Task, separator: str | None) -> Iterator[tuple[str, Any]]:
    for frame in frames.values():
        for row, cell in zip(frame.index, frame[task.labels[0]], strict=True):
            for value in _split(cell, task, separator):
                yield str(row), value.item() if isinstance(value, np.generic) else value
