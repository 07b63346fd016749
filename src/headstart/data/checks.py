"""Look at all the data once before any slow work: every bad row is found, and listed in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem
from headstart.core.packed import Packed
from headstart.core.types import Labels, Task
from headstart.data.rows import Rows, join
from headstart.inputs import by_name

T = TypeVar("T")
V = TypeVar("V")


def for_all(parts: Mapping[str, T], work: Callable[[T], V]) -> dict[str, V]:
    """Do the same with every split, and put what is wrong in any of them into one error.

    Args:
        parts: Anything by split.
        work: What to do with each.

    Returns:
        The results by split.

    Raises:
        DataError: `work` raised one; it lists the problems of all splits.
    """
    results: dict[str, V] = {}
    errors: list[DataError] = []
    for name, part in parts.items():
        try:
            results[name] = work(part)
        except DataError as error:
            errors.append(error)
    if errors:
        kind = BadRows if all(isinstance(error, BadRows) for error in errors) else DataError
        raise kind(" ".join(dict.fromkeys(e.summary for e in errors)), [p for e in errors for p in e.problems])
    return results


def check_rows(parts: Mapping[str, Rows], modality: str) -> tuple[dict[str, Rows], list[str]]:
    """Look at every example once, and hash its content.

    Args:
        parts: Rows by split.
        modality: What the rows are.

    Returns:
        The rows with the digests of their content, by split, and notes.

    Raises:
        DataError: Examples cannot be used; all are listed.
    """
    every = list(parts.values())
    digests, notes = by_name(modality).check(_chained(rows.ids for rows in every), _chained(r.inputs for r in every))
    ends = accumulate(len(rows) for rows in every)
    own = {name: digests[end - len(rows) : end] for (name, rows), end in zip(parts.items(), ends, strict=True)}
    return {name: replace(rows, digests=own[name]) for name, rows in parts.items()}, notes


def check_repeats(train: Sequence[Rows], test: Rows, modality: str) -> list[str]:
    """Compare training and test rows by content.

    Args:
        train: The training rows in one or more parts, with their digests.
        test: The test rows, with theirs.
        modality: What the rows are; files must not repeat, other rows may.

    Returns:
        Notes: how many rows repeat.

    Raises:
        DataError: A test example is the same file as one in training; all are listed.
    """
    wanted = set(test.digests)
    first: dict[bytes, str] = {}
    for part in train:
        for digest, row in zip(part.digests, part.ids, strict=True):
            if digest in wanted:
                first.setdefault(digest, row)
    same = [(test.ids[i], first[d], test.inputs[i]) for i, d in enumerate(test.digests) if d in first]
    files = [
        Problem(row, f"is the same file as {twin} in training", "delete one of them")
        for row, twin, item in same
        if isinstance(item, Path)
    ]
    if files:
        raise DataError(f"Test {by_name(modality).plural} must not occur in training:", files)
    shared = by_name(modality).shared
    return (
        [f"{counted(len(same), 'test rows', len(test))} {agree(len(same), 'have')} the same {shared} as a training row"]
        if same
        else []
    )


def _chained(parts: Iterable[Sequence[Any]]) -> Sequence[Any]:
    """Put examples below each other, each as it is: arrays of different types are not made one."""
    return join([part if isinstance(part, Packed) else list(part) for part in parts])


def lay_over(
    rows: Sequence[str], inputs: Any, labels: Mapping[str, Labels], known: Mapping[str, np.ndarray], task: Task
) -> dict[str, Labels]:
    """Lay labels of dense targets over their examples.

    Args:
        rows: Names of all rows, N.
        inputs: Of these.
        labels: By target, of the rows that have one.
        known: By target, which have one, [N] bool.
        task: Has the targets.

    Returns:
        The labels; those of other targets as they were.

    Raises:
        DataError: Some do not lie there; all are listed.
    """
    kind, laid = by_name(task.modality), dict(labels)
    for name, own in labels.items():
        if task.targets[name].dense:
            places = np.flatnonzero(known[name]).tolist()
            items = [inputs[place] for place in places]
            sizes = [kind.size_of(item) for item in items]
            laid[name] = task.targets[name].lay_over([rows[place] for place in places], own, sizes, items)
    return laid
