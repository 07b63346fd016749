"""Turn label cells into targets: one class list, from the training rows, by name; every bad label is listed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import DataError, Problem
from headstart.core.types import Task
from headstart.data.columns import blank_cells, cells_of, missing_cells, numbers_of
from headstart.data.tables import blank, number

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
        return replace(task, classes=task.labels)
    _check_spelling(frames, task, separator)
    names = {
        name for cell in cells_of(train[task.labels[0]]) for name in map(class_name, _split(cell, task, separator))
    }
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
    return replace(task, classes=tuple(classes))


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
    for row, cell in zip(frame.index, cells_of(frame[task.labels[0]]), strict=True):
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


def numbers(frame: pd.DataFrame, columns: Sequence[str], *, flags: bool = False) -> np.ndarray:
    """Read columns as finite numbers [N, columns] float32; with `flags` only 0 and 1 are right.

    Args:
        frame: The rows.
        columns: The columns.
        flags: Whether the numbers say yes or no.

    Returns:
        The numbers.

    Raises:
        DataError: A cell is blank, not a number or not finite; every one is listed by row and column.
    """
    values = np.zeros((len(frame), len(columns)), dtype=np.float32)
    problems = []
    for place, column in enumerate(columns):
        found, are_numbers = numbers_of(frame[column])
        with np.errstate(over="ignore"):
            values[:, place] = found
        wrong = ~are_numbers | ~np.isfinite(values[:, place]) | (flags & ~np.isin(found, (0.0, 1.0)))
        if wrong.any():
            cells = cells_of(frame[column])
            problems += [
                Problem(
                    f"{frame.index[row]}, column '{column}'",
                    f"{cells[row]!r} {_what_is_wrong(cells[row])}",
                    "correct it or delete the row",
                )
                for row in np.flatnonzero(wrong)
            ]
    if problems:
        raise DataError("Numbers that cannot be used:", problems)
    return values


def _what_is_wrong(cell: Any) -> str:
    value = number(cell)
    if blank(cell):
        return "is blank"
    if value is None:
        return "is not a number"
    with np.errstate(over="ignore"):
        return "is neither 0 nor 1" if np.isfinite(np.float32(value)) else "is not a finite number of 32 bits"


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
            absent = missing_cells(frame[column]) if many else blank_cells(frame[column])
            problems += [
                Problem(str(row), f"has no label (column '{column}')", "label the row or delete it")
                for row in frame.index[absent]
            ]
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
    spellings: dict[Any, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row, value in _values(frames, task, separator):
        spelling = repr(value)
        counts[spelling] += 1
        if spelling not in first:
            first[spelling] = row
            as_number = number(value) if not isinstance(value, bool) else None
            spellings[str(value).strip().casefold() if as_number is None else as_number].append(spelling)
    problems = [
        Problem(
            first[spelling],
            f"{spelling} ({counts[spelling]} rows) and {', '.join(way for way in ways if way != spelling)} "
            "seem to be one class",
            "write them alike",
        )
        for ways in spellings.values()
        if len(ways) > 1
        for spelling in ways
    ]
    if problems:
        raise DataError(f"Labels in column '{task.labels[0]}' are written in more than one way:", problems)


def _values(frames: Mapping[str, pd.DataFrame], task: Task, separator: str | None) -> Iterator[tuple[str, Any]]:
    for frame in frames.values():
        for row, cell in zip(frame.index, cells_of(frame[task.labels[0]]), strict=True):
            for value in _split(cell, task, separator):
                yield str(row), value.item() if isinstance(value, np.generic) else value
