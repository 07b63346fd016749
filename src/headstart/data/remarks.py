"""What a user should know of the rows before training: copies under two labels, few rows, classes left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import first_few
from headstart.core.types import Labels, Task
from headstart.data.rows import Rows
from headstart.inputs import by_name

SHOWN = 3  # rows or classes that a note names
FEW = 0.5  # share of the rows below which training is left with little


def conflicts(parts: Iterable[Rows], task: Task) -> list[str]:
    """Find rows of equal content whose labels differ.

    Args:
        parts: Labelled rows with their digests.
        task: Says what the rows are.

    Returns:
        A note, or none.
    """
    known = [rows for rows in parts if rows.labels]
    digests = [digest for rows in known for digest in rows.digests]
    if len(set(digests)) == len(digests):
        return []
    labels = [_written(rows) for rows in known]
    first: dict[bytes, tuple[str, Mapping[str, object]]] = {}
    against: dict[bytes, tuple[str, str]] = {}
    for rows, written in zip(known, labels, strict=True):
        for row, digest, label in zip(rows.ids, rows.digests, written, strict=True):
            name, other = first.setdefault(digest, (row, label))
            if any(label[target] != other[target] for target in label.keys() & other.keys()):
                against.setdefault(digest, (name, row))
    if not against:
        return []
    concerned = sum(digest in against for digest in digests)
    pairs = first_few((f"{one} = {other}" for one, other in against.values()), most=SHOWN)
    return [
        f"{counted(concerned, by_name(task.modality).plural, len(digests))} are copies with different labels: {pairs}"
    ]


def remarks(parts: Mapping[str, Rows], task: Task) -> list[str]:
    """Tell what targets made of their labels, split by split.

    Args:
        parts: Rows by split.
        task: Has the targets.

    Returns:
        Notes.
    """
    return [
        f"{split}: {said}"
        for split, rows in parts.items()
        for name in rows.labels
        for said in task.targets[name].remarks(rows.labels_of(name))
    ]


def little_left(given: Mapping[str, int], left: int) -> list[str]:
    """Tell that less than half of the rows are left to learn from.

    Args:
        given: Rows by part, as the data came.
        left: Rows in training.

    Returns:
        A note, or none.
    """
    rows = given.get("all", given.get("train", 0))
    return (
        [f"training: only {counted(left, 'rows', rows)} {agree(left, 'are')} left to learn from"]
        if left < FEW * rows
        else []
    )


def uncovered(splits: Mapping[str, Rows], task: Task) -> list[str]:
    """Tell of which classes validation or test has no row.

    Args:
        splits: Labelled rows by name.
        task: Has the classes.

    Returns:
        A note for each split and target that lacks some.
    """
    notes = []
    for name in ("validation", "test"):
        for target in splits[name].targets if name in splits else ():
            counts = task.targets[target].counts(splits[name].labels_of(target))
            absent = [label for label, rows in counts.items() if not rows]
            if absent:
                notes.append(
                    f"{task.key(name, target)}: no row of {counted(len(absent), 'classes', len(counts))} "
                    f"({first_few(absent, most=SHOWN)}): its figures say nothing of {agree(len(absent), 'them')}"
                )
    return notes


def _written(rows: Rows) -> list[dict[str, object]]:
    """Write the labels of each row by target, as far as it has some, as something that can be compared."""
    written: list[dict[str, object]] = [{} for _ in rows.ids]
    for name in rows.targets:
        places = np.arange(len(rows))[rows.places(name)]
        for place, label in zip(places.tolist(), _comparable(rows.labels_of(name)), strict=True):
            written[place][name] = label
    return written


def _comparable(labels: Labels) -> Sequence[object]:
    if isinstance(labels, np.ndarray) and labels.ndim == 1:
        return labels.tolist()
    return [np.asarray(row).tobytes() for row in labels]
