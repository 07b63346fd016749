"""Infer the task of a table: which columns are inputs, which are labels, and what kind of task that makes.

Every guess can be overridden by the plan, and is written down in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.core.errors import DataError, UsageError, unknown
from headstart.core.recipe import DataPlan
from headstart.core.types import Kind, Modality, Task
from headstart.data.columns import Column, blank_cells, cells_of, numbers_of
from headstart.data.images import is_image
from headstart.data.tables import Tables, blank, number

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
TEXT_NAMES = ("text", "texts", "sentence", "content", "review", "title", "question", "document")
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text_a", "text_b"),
    ("text1", "text2"),
)
ROW_NUMBER_NAMES = ("id", "idx", "index", "row", "rowid")
MOST_INTEGER_CLASSES = 20

Content = Literal["image", "vector", "list", "number", "text", "empty", "other"]


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
    modality, inputs = _guess_inputs(frame, [c for c in columns if c not in reserved], plan)
    overlap = set(inputs) & set(labels)
    if overlap:
        raise UsageError(f"The column '{overlap.pop()}' cannot be both input and label.")
    kind = plan.task or _guess_kind(frame, labels, plan)
    _check_kind(kind, labels, plan)
    notes = [_say("input", inputs, f"read as {modality}{' pairs' if modality == 'text' and len(inputs) == 2 else ''}")]
    ignored = [c for c in columns if c not in {*inputs, *reserved}]
    if ignored:
        notes.append(_say("ignored", ignored, "name them as inputs to use them"))
    return Task(modality, kind, tuple(inputs), tuple(labels)), notes


def describe_labels(task: Task) -> str:
    """Say in words what the labels were taken for."""
    if task.kind == "regression":
        return _say("label", task.labels, "read as regression")
    shown = ", ".join(task.classes[:10]) + (", …" if len(task.classes) > 10 else "")
    return _say("label", task.labels, f"{len(task.classes)} classes ({shown}), read as {task.kind}")


def contents(column: Column) -> Content:
    """Say what a column holds. Numbers may be written as text; one cell in ten may be wrong, and is reported later."""
    filled = ~blank_cells(column)
    if not filled.any():
        return "empty"
    first = next(islice(column, int(filled.argmax()), None))
    if is_image(first):
        return "image"
    if isinstance(first, np.ndarray):
        return "vector"
    if isinstance(first, list | tuple | set | frozenset):
        known = [cell for cell in column if not blank(cell)]
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for cell in known for v in cell)
        return "vector" if numbers and len({len(cell) for cell in known}) == 1 else "list"
    _, are_numbers = numbers_of(column)
    if (are_numbers & filled).sum() >= 0.9 * filled.sum():
        return "number"
    return "text" if isinstance(first, str) else "other"


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
        values, are_numbers = numbers_of(frame[name])
        if not (are_numbers & np.isin(values, (0.0, 1.0))).all():
            break
        flags.insert(0, name)
    others = [c for c in frame.columns if c not in flags]
    if len(flags) > 1 and any(contents(frame[c]) in {"image", "text"} for c in others):
        return tuple(flags)
    if len(columns) < (1 if plan.inputs else 2) or contents(frame[columns[-1]]) in {"image", "vector"}:
        raise UsageError(
            f"There is no label column. Columns: {', '.join(map(str, frame.columns))}. Name one with labels."
        )
    return (columns[-1],)


def _guess_inputs(frame: pd.DataFrame, columns: list[str], plan: DataPlan) -> tuple[Modality, tuple[str, ...]]:
    held: dict[str, Content] = {name: contents(frame[name]) for name in (plan.inputs or columns)}
    if plan.inputs:
        return plan.modality or _common_modality(held), plan.inputs
    found: dict[Modality, tuple[str, ...]] = {
        "image": tuple(n for n, content in held.items() if content == "image")[:1],
        "text": _text_inputs(frame, held),
        "vector": _vector_inputs(frame, held),
    }
    for modality, names in found.items():
        if names and plan.modality in {None, modality}:
            return modality, names
    wanted = f"{plan.modality} input" if plan.modality else "input"
    listing = ", ".join(f"{n} ({content})" for n, content in held.items()) or "none"
    raise UsageError(f"No column is fit as {wanted}. Columns beside the labels: {listing}. Name some with inputs.")


def _common_modality(held: Mapping[str, Content]) -> Modality:
    kinds = {"vector" if content == "number" else content for content in held.values()}
    for modality in ("image", "text", "vector"):
        if kinds == {modality}:
            return modality
    raise UsageError(f"The inputs must hold one kind of data: {', '.join(f'{n} holds {c}' for n, c in held.items())}.")


def _text_inputs(frame: pd.DataFrame, held: Mapping[str, Content]) -> tuple[str, ...]:
    texts = [name for name, content in held.items() if content == "text"]
    usual = {name.strip().lower(): name for name in texts}
    for first, second in PAIR_NAMES:
        if first in usual and second in usual:
            return usual[first], usual[second]
    for name in TEXT_NAMES:
        if name in usual:
            return (usual[name],)
    free = [name for name in texts if _is_free_text(cells_of(frame[name]))]
    if len(free) > 2:
        raise UsageError(f"{len(free)} columns hold text: {', '.join(free)}. Name one, or two as a pair, with inputs.")
    return tuple(free or (texts if len(held) == 1 else []))


def _is_free_text(cells: Sequence[Any]) -> bool:
    """Tell sentences from categories (few different values) and from codes (no spaces, plain letters)."""
    texts = [str(cell) for cell in cells if not blank(cell)]
    worded = sum(not text.isascii() or " " in text.strip() for text in texts)
    return len(set(texts)) > max(1, 0.2 * len(texts)) and worded > 0.1 * len(texts)


def _vector_inputs(frame: pd.DataFrame, held: Mapping[str, Content]) -> tuple[str, ...]:
    vectors = [name for name, content in held.items() if content == "vector"]
    if vectors:
        return (vectors[0],)
    return tuple(n for n, content in held.items() if content == "number" and not _is_row_number(n, frame[n]))


def _is_row_number(name: str, column: Column) -> bool:
    return name.strip().lower() in ROW_NUMBER_NAMES and len(set(map(number, cells_of(column)))) == len(column)


def _guess_kind(frame: pd.DataFrame, labels: Sequence[str], plan: DataPlan) -> Kind:
    if plan.separator:
        return "multilabel"
    if len(labels) > 1:
        return _guess_kind_of_many(frame, labels)
    filled = ~blank_cells(frame[labels[0]])
    cells = [cell for cell, known in zip(cells_of(frame[labels[0]]), filled, strict=True) if known]
    if any(isinstance(cell, list | tuple | set | frozenset | np.ndarray) for cell in cells):
        return "multilabel"
    values, are_numbers = numbers_of(frame[labels[0]])
    if not are_numbers[filled].all() or all(isinstance(cell, bool) for cell in cells):
        classes = len({str(cell) for cell in cells})
        if classes * 2 > len(cells) >= 20 and not plan.labels:
            raise UsageError(
                f"The column '{labels[0]}' has {classes} different values in {len(cells)} rows. If it is the label, "
                f"name it with labels; else name another. Columns: {', '.join(map(str, frame.columns))}."
            )
        return "binary" if classes == 2 else "multiclass"
    return _kind_of_numbers(cells, values[filled].tolist())


def _guess_kind_of_many(frame: pd.DataFrame, labels: Sequence[str]) -> Kind:
    flags = True
    for name in labels:
        filled = ~blank_cells(frame[name])
        values, are_numbers = numbers_of(frame[name])
        if not are_numbers[filled].all():
            raise UsageError(
                f"Several label columns must hold numbers: {', '.join(labels)}. For classes, name one column."
            )
        flags &= bool(np.isin(values[filled], (0.0, 1.0)).all())
    return "multilabel" if flags else "regression"


def _kind_of_numbers(cells: Sequence[Any], numbers: Sequence[float]) -> Kind:
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


def _check_kind(kind: Kind, labels: Sequence[str], plan: DataPlan) -> None:
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
