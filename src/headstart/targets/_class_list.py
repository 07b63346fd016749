"""Class lists: names from the training rows, labels that seem to be written in two ways, classes that are unknown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.cells import class_name, number
from headstart.core.columns import distinct
from headstart.core.errors import DataError, Problem, first_few

if TYPE_CHECKING:
    import pandas as pd

Split = Callable[[Any], list[Any]]  # the labels in a cell


def find_classes(train: pd.DataFrame, frames: Mapping[str, pd.DataFrame], column: str, split: Split) -> tuple[str, ...]:
    """Find the class list: the names in the training rows, by number where all are numbers, else by name.

    Args:
        train: The labelled training rows.
        frames: All labelled rows by split, to find labels that are written in two ways.
        column: Holds the labels.
        split: Takes a cell apart.

    Returns:
        The names.

    Raises:
        DataError: A label seems to be written in two ways, or there are fewer than two classes.
    """
    _check_spelling(frames, column, split)
    names = {class_name(value) for cell in distinct(train[column])[0] for value in split(cell)}
    classes = sorted(names, key=_order(names))
    if len(classes) < 2:
        only = f"only one class, '{classes[0]}'" if classes else "no class"
        raise DataError(f"The column '{column}' has {only}. A task needs at least two classes, or numbers that differ.")
    return tuple(classes)


def encode_names(frame: pd.DataFrame, column: str, split: Split, classes: tuple[str, ...]) -> list[list[int]]:
    """Turn labels into places in the class list.

    Args:
        frame: The rows.
        column: Holds the labels.
        split: Takes a cell apart.
        classes: The class list.

    Returns:
        The places of each row's labels.

    Raises:
        DataError: A class is not in the class list; all rows are listed.
    """
    places: dict[Any, int] = {class_name(name): place for place, name in enumerate(classes)}
    places = {**places, **_by_number(places)}
    unseen: dict[str, list[int]] = defaultdict(list)  # by name, the places of its cells
    found = []
    cells, where = distinct(frame[column])  # classes are few, rows are many
    for place, cell in enumerate(cells):
        names = [class_name(value) for value in split(cell)]
        keys = [name if name in places else number(name) for name in names]
        for name, key in zip(names, keys, strict=True):
            if key not in places:
                unseen[name].append(place)
        found.append([places.get(key, 0) for key in keys])
    if unseen:
        mend = "add training rows of it, or correct the label"
        rows: dict[int, list[str]] = defaultdict(list)
        for row, place in zip(frame.index, where.tolist(), strict=True):
            rows[place].append(str(row))
        problems = [
            Problem(row, f"class '{name}' is not among the training rows", mend)
            for name, found_in in unseen.items()
            for place in found_in
            for row in rows[place]
        ]
        raise DataError(
            f"Classes that were not in training: {first_few(unseen)}. Known: {first_few(classes)}.", problems
        )
    return [found[place] for place in where.tolist()]


def _by_number(places: Mapping[Any, int]) -> dict[float, int]:
    """Return the places of classes that are numbers, by number: a frame has 1 or 1.0 where a file has "01" or "1.0"."""
    values = {name: number(name) for name in places}
    counts = Counter(values.values())
    return {value: places[name] for name, value in values.items() if value is not None and counts[value] == 1}


def _order(names: set[str]) -> Any:
    """Return the key to sort class names by: as numbers where all are, else as text (a NaN has no place there)."""
    values = {name: number(name) for name in names}
    numbered = all(value is not None and value == value for value in values.values())
    return (lambda name: (values[name], name)) if numbered else (lambda name: name)


def _values(frames: Mapping[str, pd.DataFrame], column: str, split: Split) -> Iterator[tuple[Any, Any, int]]:
    """Yield the labels of each different cell, with the first row that has it, and how many have."""
    for frame in frames.values():
        cells, where = distinct(frame[column])
        first, counts = np.unique(where, return_index=True, return_counts=True)[1:]
        for cell, place, count in zip(cells, first, counts, strict=True):
            for value in split(cell):
                yield frame.index[place], value, int(count)


def _check_spelling(frames: Mapping[str, pd.DataFrame], column: str, split: Split) -> None:
    """Refuse labels that look like one class written in two ways: "cat" and " Cat", 1 and "1" and "1.0"."""
    spellings: dict[Any, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row, value, count in _values(frames, column, split):
        plain = value.item() if isinstance(value, np.generic) else value
        spelling = repr(plain)
        counts[spelling] += count
        if spelling not in first:
            first[spelling] = str(row)
            as_number = number(plain) if not isinstance(plain, bool) else None
            spellings[str(plain).strip().casefold() if as_number is None else as_number].append(spelling)
    problems = [
        Problem(
            first[spelling],
            f"{spelling} ({counts[spelling]} rows) and {first_few(way for way in ways if way != spelling)} "
            "seem to be one class",
            "write them alike",
        )
        for ways in spellings.values()
        if len(ways) > 1
        for spelling in ways
    ]
    if problems:
        raise DataError(f"Labels in column '{column}' are written in more than one way:", problems)
