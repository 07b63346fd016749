"""Infer the task of a table: which columns are inputs, which are labels, and what kind of task that makes.

Every guess can be overridden by the plan, and is written down in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.core import plugins
from headstart.core.errors import DataError, UsageError, unknown
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.types import Task
from headstart.data.images import is_image
from headstart.data.tables import Tables, blank, number
from headstart.targets._infer import infer_target

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
    labelled = [column for named in plan.by_target.values() for column in named.labels]
    for name in (*plan.inputs, *labelled, *([plan.group] if plan.group else [])):
        if name not in columns:
            raise unknown("column", name, columns)
    columns_of = {name: _label_columns(tables, frame, plan, named) for name, named in plan.by_target.items()}
    labels = tuple(dict.fromkeys(column for names in columns_of.values() for column in names))
    reserved = {*labels, *tables.labels_hint, plan.group}
    reserved |= {"domain"} if plan.source_domain or plan.target_domain else set()
    modality, inputs = _guess_inputs(frame, [c for c in columns if c not in reserved], plan)
    overlap = set(inputs) & set(labels)
    if overlap:
        raise UsageError(f"The column '{overlap.pop()}' cannot be both input and label.")
    targets = {name: infer_target(frame, columns_of[name], named) for name, named in plan.by_target.items()}
    notes = [_say("input", inputs, f"read as {modality}{' pairs' if modality == 'text' and len(inputs) == 2 else ''}")]
    ignored = [c for c in columns if c not in {*inputs, *reserved}]
    if ignored:
        notes.append(_say("ignored", ignored, "name them as inputs to use them"))
    return Task(modality, tuple(inputs), targets), notes


def describe_labels(task: Task) -> list[str]:
    """Say in words what the labels of each target were taken for."""
    whose = "label" if len(task.targets) == 1 else "label of {}"
    return [_say(whose.format(name), target.columns, target.describe()) for name, target in task.predicted.items()]


def contents(cells: Sequence[Any]) -> Content:
    """Say what a column holds. Numbers may be written as text; one cell in ten may be wrong, and is reported later."""
    known = [cell for cell in cells if not blank(cell)]
    if not known:
        return "empty"
    first = known[0]
    if is_image(first):
        return "image"
    if isinstance(first, np.ndarray):
        return "vector"
    if isinstance(first, list | tuple | set | frozenset):
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for cell in known for v in cell)
        return "vector" if numbers and len({len(cell) for cell in known}) == 1 else "list"
    numbers = sum(number(cell) is not None for cell in known)
    if numbers >= 0.9 * len(known):
        return "number"
    return "text" if isinstance(first, str) else "other"


def _label_columns(tables: Tables, frame: pd.DataFrame, plan: DataPlan, named: TargetPlan) -> tuple[str, ...]:
    """Return the label columns of a target: those that are named, or the most likely ones where it needs some."""
    if named.labels or (named.task and not plugins.load("targets", named.task).needs_columns):  # pyright: ignore[reportAttributeAccessIssue]
        return named.labels
    return _guess_labels(tables, frame, plan)


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
    if len(flags) > 1 and any(contents(list(frame[c])) in {"image", "text"} for c in others):
        return tuple(flags)
    if len(columns) < (1 if plan.inputs else 2) or contents(list(frame[columns[-1]])) in {"image", "vector"}:
        raise UsageError(
            f"There is no label column. Columns: {', '.join(map(str, frame.columns))}. Name one with labels."
        )
    return (columns[-1],)


def _guess_inputs(frame: pd.DataFrame, columns: list[str], plan: DataPlan) -> tuple[str, tuple[str, ...]]:
    held: dict[str, Content] = {name: contents(list(frame[name])) for name in (plan.inputs or columns)}
    if plan.inputs:
        return plan.modality or _common_modality(held), plan.inputs
    found: dict[str, tuple[str, ...]] = {
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


def _common_modality(held: Mapping[str, Content]) -> str:
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
    free = [name for name in texts if _is_free_text(list(frame[name]))]
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
    return tuple(n for n, content in held.items() if content == "number" and not _is_row_number(n, list(frame[n])))


def _is_row_number(name: str, cells: Sequence[Any]) -> bool:
    return name.strip().lower() in ROW_NUMBER_NAMES and len({number(cell) for cell in cells}) == len(cells)


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
