"""Rows without labels, which are set apart from the splits, and with only some; and the pools made of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, first_few
from headstart.core.interface import option
from headstart.core.types import Target, Task
from headstart.data.rows import Rows, concatenate
from headstart.inputs import by_name

if TYPE_CHECKING:
    import pandas as pd

UNLABELLED = "unlabelled"
TASK = "task:"  # before the name of a target: the pool of the rows that have its label
SHOWN = 5  # rows that a note names


def set_apart(frame: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the rows out that have no label at all.

    Args:
        frame: Training rows.
        task: Its targets say which columns hold labels, and when a cell holds none.

    Returns:
        The rows with a label, and the others.
    """
    some = _some(frame, task)
    return frame.loc[some], frame.loc[~some]


def has_labels(frame: pd.DataFrame, target: Target) -> np.ndarray:
    """Return which rows have the labels of a target, [N]: a label in each of its columns."""
    return ~np.any([target.unlabelled(frame[column]) for column in target.columns], axis=0)


def _some(frame: pd.DataFrame, task: Task) -> np.ndarray:
    """Return which rows have the label of a target, [N], of whichever."""
    return np.any([has_labels(frame, target) for target in task.predicted.values()], axis=0)


def lacks_some(frame: pd.DataFrame, task: Task) -> bool:
    """Return whether a row has the labels of some targets and not of all."""
    has = [has_labels(frame, target) for target in task.predicted.values()]
    return bool((np.any(has, axis=0) & ~np.all(has, axis=0)).any())


def with_labels_of(frames: Mapping[str, pd.DataFrame], name: str, task: Task) -> dict[str, pd.DataFrame]:
    """Keep the rows that lack no label of a target, or all labels: of these each target says that they are wrong.

    Args:
        frames: Labelled rows by split.
        name: Of the target.
        task: Has all of them.

    Returns:
        The rows by split.
    """
    return {
        split: frame.loc[has_labels(frame, task.targets[name]) | ~_some(frame, task)] for split, frame in frames.items()
    }


def task_pools(train: Rows) -> dict[str, Rows]:
    """Make a pool `task:NAME` for each of several targets, of the training rows that have its label, and it alone."""
    return {
        f"{TASK}{name}": replace(train.of(name), digests=()) for name in (train.labels if len(train.labels) > 1 else ())
    }


def with_training(pools: Mapping[str, Rows], train: Rows) -> dict[str, Rows]:
    """Return the pools with other training rows, in those of tasks too."""
    return {**pools, "train": train, **{name: rows for name, rows in task_pools(train).items() if name in pools}}


def told_lacking(splits: Sequence[Rows]) -> list[str]:
    """Count the rows that lack the label of a target.

    Args:
        splits: Labelled rows.

    Returns:
        A note, or none.
    """
    if not splits:
        return []
    rows = concatenate([part.bare() for part in splits])
    lacking = [f"{name} {len(rows) - int(known.sum()):,}" for name, known in rows.known.items()]
    told = f"of {len(rows):,} rows some lack the label of a target, which learns and is measured by the others: "
    return [f"{told}{first_few(lacking)}"] if lacking else []


def repeated(rows: Rows, others: Rows) -> list[str]:
    """List the rows whose content is also among others, by name."""
    known = set(others.digests)
    return [row for row, digest in zip(rows.ids, rows.digests, strict=True) if digest in known]


def measured_notes(unlabelled: Rows, splits: Mapping[str, Rows], modality: str, *, transductive: bool) -> list[str]:
    """Describe which rows without labels are labelled rows that something is measured on.

    Args:
        unlabelled: What is learnt from.
        splits: Labelled rows.
        modality: What the rows are; a file must not be a test row too, other rows may, by chance, as long as few are.
        transductive: Whether test rows may be among them.

    Returns:
        Notes.

    Raises:
        DataError: Test rows are among them, and may not be.
    """
    notes = []
    for name in ("validation", "test"):
        if name in splits and (same := repeated(unlabelled, splits[name])):
            many = f"{counted(len(same), 'rows')} without labels {agree(len(same), 'are')} in {name} too"
            most = len(same) > len(splits[name]) / 2
            if name == "test" and not transductive and (most or by_name(modality).copies_together):
                raise DataError(
                    f"{many}, so that the test would be of rows that were seen. Take them out, or allow it with "
                    f"{option('transductive', True)}: then the figures are for these rows, not for new ones.",
                    [Problem(row, "is a test row") for row in same],
                )
            kind = "transductive: " if name == "test" and transductive else ""
            notes.append(
                f"{kind}{many}; an objective that reads them learns from inputs "
                f"that the {name} figures are measured on: {first_few(same)}"
            )
    return notes
