"""Infer the task of a table: which columns are inputs, which are labels, and what kind of task that makes.

Every guess can be overridden by the plan, and is written down in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import DataError, UsageError, unknown
from headstart.core.recipe import DataPlan
from headstart.core.types import Input, Task
from headstart.data.inputs import contents, guess_inputs
from headstart.data.tables import Tables, blank, number
from headstart.inputs import by_name, modalities

if TYPE_CHECKING:
    import pandas as pd

LABEL_NAMES = (
    "label",
    "labels",
    "target",
    "targets",
    "class",
    "classes",
    "y",
    "score",
    "sentiment",
    "category",
    "rating",
    "stars",
)
MOST_INTEGER_CLASSES = 20


def infer(tables: Tables, frame: pd.DataFrame, plan: DataPlan) -> tuple[Task, list[str]]:
    """Infer the task from the training rows.

    Args:
        tables: What was read.
        frame: The labelled training rows.
        plan: What the user named; it is taken as it is.

    Returns:
        The task, its classes still open, and what was inferred, in words.

    Raises:
        UsageError: A named column is not there, or no column can be the label or the input.
    """
    columns = [str(name) for name in frame.columns]
    for name in (*plan.inputs, *plan.labels, *([plan.group] if plan.group else [])):
        if name not in columns:
            raise unknown("column", name, columns)
    labels = plan.labels or _guess_labels(tables, frame, plan)
    reserved = {*labels, plan.group, *(["domain"] if plan.source_domain or plan.target_domain else [])}
    modality, inputs = guess_inputs(frame, [c for c in columns if c not in reserved], plan)
    overlap = set(inputs) & set(labels)
    if overlap:
        raise UsageError(f"The column '{overlap.pop()}' cannot be both input and label.")
    kind = plan.task or _guess_kind(frame, labels, plan)
    _check_kind(kind, labels, plan)
    pairs = " pairs" if len(inputs) == 2 and not by_name(modality).tabular else ""
    notes = [_say("input", inputs, f"read as {modality}{pairs}")]
    ignored = [c for c in columns if c not in {*inputs, *reserved}]
    if ignored:
        notes.append(_say("ignored", ignored, "name them as inputs to use them"))
    return Task.of(modality, kind, tuple(inputs), tuple(labels)), notes


def describe_labels(task: Task) -> str:
    """Say in words what the labels were taken for."""
    if task.kind == "regression":
        return _say("label", task.labels, "read as regression")
    shown = ", ".join(task.classes[:10]) + (", …" if len(task.classes) > 10 else "")
    return _say("label", task.labels, f"{len(task.classes)} classes ({shown}), read as {task.kind}")


def _guess_labels(tables: Tables, frame: pd.DataFrame, plan: DataPlan) -> tuple[str, ...]:
    columns = [str(name) for name in frame.columns if str(name) not in {*plan.inputs, plan.group}]
    if tables.labels_hint:
        return tables.labels_hint
    usual = {name.strip().lower(): name for name in reversed(columns)}
    for name in LABEL_NAMES:
        if name in usual and len(columns) > (0 if plan.inputs else 1):
            return (usual[name],)
    flags = []
    for name in reversed(columns[0 if plan.inputs else 1 :]):
        if {number(cell) for cell in frame[name]} - {0.0, 1.0}:
            break
        flags.insert(0, name)
    others = [c for c in frame.columns if c not in flags]
    if len(flags) > 1 and any(held is not None and not held.tabular for held in (_held(frame, c) for c in others)):
        return tuple(flags)
    held = _held(frame, columns[-1]) if columns else None
    if len(columns) < (1 if plan.inputs else 2) or (held is not None and not held.label_like):
        raise UsageError(
            f"There is no label column. Columns: {', '.join(map(str, frame.columns))}. Name one with labels."
        )
    return (columns[-1],)


def _held(frame: pd.DataFrame, column: str) -> type[Input] | None:
    """Return the modality that a column holds; None where it holds numbers, lists or nothing known."""
    return modalities().get(contents(list(frame[column])))


def _guess_kind(frame: pd.DataFrame, labels: Sequence[str], plan: DataPlan) -> str:
    if plan.separator:
        return "multilabel"
    cells = [cell for name in labels for cell in frame[name] if not blank(cell)]
    if len(labels) > 1:
        values = {number(cell) for cell in cells}
        if None in values:
            raise UsageError(
                f"Several label columns must hold numbers: {', '.join(labels)}. For classes, name one column."
            )
        return "multilabel" if values <= {0.0, 1.0} else "regression"
    if any(isinstance(cell, list | tuple | set | frozenset | np.ndarray) for cell in cells):
        return "multilabel"
    numbers = [number(cell) for cell in cells]
    if any(n is None for n in numbers) or all(isinstance(cell, bool) for cell in cells):
        classes = len({str(cell) for cell in cells})
        if classes * 2 > len(cells) >= 20 and not plan.labels:
            raise UsageError(
                f"The column '{labels[0]}' has {classes} different values in {len(cells)} rows. If it is the label, "
                f"name it with labels; else name another. Columns: {', '.join(map(str, frame.columns))}."
            )
        return "binary" if classes == 2 else "multiclass"
    return _kind_of_numbers(cells, [n for n in numbers if n is not None])


def _kind_of_numbers(cells: Sequence[Any], numbers: Sequence[float]) -> str:
    values = set(numbers)
    if not all(np.isfinite(n) and n == int(n) for n in values):
        return "regression"
    floats = any(
        isinstance(cell, float) or (isinstance(cell, str) and not cell.strip().lstrip("+-").isdigit()) for cell in cells
    )
    plain = any(
        not isinstance(cell, float) and (not isinstance(cell, str) or cell.strip().lstrip("+-").isdigit())
        for cell in cells
    )
    if floats and not plain and not values <= {0.0, 1.0}:
        return "regression"
    few = len(values) <= MOST_INTEGER_CLASSES and (len(values) <= 2 or len(numbers) >= 2 * len(values))
    numbered = values == set(range(int(min(values)), int(min(values)) + len(values))) and min(values) in {0, 1}
    if few or (numbered and 5 * len(values) <= len(numbers)):
        return "binary" if len(values) <= 2 else "multiclass"
    return "regression"


def _check_kind(kind: str, labels: Sequence[str], plan: DataPlan) -> None:
    if kind in {"binary", "multiclass"} and len(labels) > 1:
        raise UsageError(f"A {kind} task has one label column; {len(labels)} are named: {', '.join(labels)}.")
    if plan.separator and kind != "multilabel":
        raise UsageError(f"A separator is for multilabel tasks; the task is {kind}.")


def _say(what: str, columns: Sequence[str], how: str) -> str:
    listing = ", ".join(f"'{name}'" for name in columns[:6]) + (
        f" … ({len(columns)} in all)" if len(columns) > 6 else ""
    )
    return f"{what}: column{'s' if len(columns) > 1 else ''} {listing}, {how}"


def check_columns(frame: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Check that a frame has the columns that are needed.

    Args:
        frame: Rows of one split.
        names: The columns.
        where: What the frame is, for the message.

    Raises:
        DataError: Columns are missing; the message names the nearest ones.
    """
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise DataError(
            "; ".join(f"{where}: {unknown('column', name, [str(c) for c in frame.columns])}" for name in absent)
        )
