"""Rows without labels, and with only some: what is set apart from the splits, and the pools made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, Problem, first_few
from headstart.core.interface import option
from headstart.core.packed import packed
from headstart.core.types import Target, Task
from headstart.data.inputs import make_inputs
from headstart.data.rows import Rows, concatenate
from headstart.inputs import by_name

if TYPE_CHECKING:
    import pandas as pd

UNLABELLED = "unlabelled"
PARTIAL = "partial"  # rows with the labels of some targets, while they are checked
SHOWN = 5  # rows that a note names


@dataclass(frozen=True)
class Apart:
    """Rows of a table that are in no split: `unlabelled` have no label at all, `partial` lack those of some targets."""

    unlabelled: pd.DataFrame
    partial: pd.DataFrame


def set_apart(frame: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, Apart]:
    """Take the rows out that lack a label.

    Args:
        frame: Training rows.
        task: Its targets say which columns hold labels, and when a cell holds none.

    Returns:
        The rows with all labels, and the others.
    """
    has = np.array([_labelled(frame, target) for target in task.predicted.values()])  # [targets, N]
    some, every = has.any(axis=0), has.all(axis=0)
    return frame.loc[every], Apart(frame.loc[~some], frame.loc[some & ~every])


def _labelled(frame: pd.DataFrame, target: Target) -> np.ndarray:
    """Return which rows have the labels of a target, [N]: a label in each of its columns."""
    return ~np.any([target.unlabelled(frame[column]) for column in target.columns], axis=0)


def task_pools(train: Rows, partial: pd.DataFrame | None, task: Task) -> dict[str, Rows]:
    """Make a pool `task:NAME` for each of several targets.

    Args:
        train: Rows with all labels.
        partial: Rows with the labels of some targets; None without any.
        task: Its targets encode the labels.

    Returns:
        The rows by pool, each with the labels of its own target alone; none where there is one target.
    """
    pools: dict[str, Rows] = {}
    for name, target in task.predicted.items() if len(task.predicted) > 1 else ():
        rows = replace(train, labels={name: train.labels[name]}, digests=())
        if partial is not None and len(frame := partial.loc[_labelled(partial, target)]):
            more = Rows(packed(map(str, frame.index)), make_inputs(frame, task), {name: target.encode(frame)})
            rows = concatenate([rows, more])
        pools[f"task:{name}"] = rows
    return pools


def repeated(rows: Rows, others: Rows) -> list[str]:
    """List the rows whose content is also among others, by name."""
    known = set(others.digests)
    return [row for row, digest in zip(rows.ids, rows.digests, strict=True) if digest in known]


def unlabelled_notes(unlabelled: Rows, splits: Mapping[str, Rows], modality: str, *, transductive: bool) -> list[str]:
    """Describe how many rows have no label, and which of them are labelled rows that something is measured on.

    Args:
        unlabelled: The pool.
        splits: Labelled rows.
        modality: What the rows are; a file must not be a test row too, other rows may, by chance, as long as few are.
        transductive: Whether test rows may be among them.

    Returns:
        Notes.

    Raises:
        DataError: Test rows are among them, and may not be.
    """
    notes = [f"rows without labels: {len(unlabelled):,}, the pool 'unlabelled'"]
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
