"""Infer the task of a table: which columns are inputs, which are labels, and what kind of task that makes.

Every guess can be overridden by the plan, and is written down in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from headstart.core import plugins
from headstart.core.cells import number
from headstart.core.columns import Column, cells_of, distinct, numbers_of
from headstart.core.errors import DataError, UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.task import TARGET
from headstart.core.types import Input, Task
from headstart.data.inputs import contents, guess_inputs
from headstart.data.tables import DOMAIN, PARENT, UNNAMED, Tables
from headstart.inputs import by_name, modalities
from headstart.inputs._kinds import names_rows, written_form
from headstart.inputs._written import describe_form, readings
from headstart.targets._doubts import amount, written_list
from headstart.targets._infer import divided, doubts, infer_target

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 200  # cells
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
MOST_TOLD = 10  # columns whose reasons are looked for
NOTHING: Mapping[str, str] = MappingProxyType({})


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
    labelled = [c for named in plan.by_target.values() for c in (*named.labels, named.parents) if c is not None]
    for name in (*plan.inputs, *labelled, *([plan.group] if plan.group else [])):
        if name not in columns:
            raise unknown("column", name, columns)
    plans = plan.by_target
    columns_of = {name: _label_columns(tables, frame, plan, named) for name, named in plans.items()}
    apart = {} if plan.targets else divided(frame, columns_of[TARGET], plans[TARGET])
    if apart:
        plans, columns_of = apart, {name: named.labels for name, named in apart.items()}
    labels = tuple(dict.fromkeys(column for names in columns_of.values() for column in names))
    unnamed = {c for c in columns if UNNAMED.fullmatch(c) and c not in {*plan.inputs, *labels}}
    reserved = {*labels, *tables.labels_hint, *tables.asides, plan.group, *unnamed}
    reserved |= {DOMAIN} if any(plan.domains) else set()
    modality, inputs = guess_inputs(frame, [c for c in columns if c not in reserved], plan)
    overlap = set(inputs) & set(labels)
    if overlap:
        raise UsageError(f"The column '{overlap.pop()}' cannot be both input and label.")
    targets = {name: infer_target(frame, columns_of[name], named) for name, named in plans.items()}
    pairs = " pairs" if len(inputs) == 2 and not by_name(modality).tabular else ""
    taken = {by_name(modality).taken(frame[c], f"column '{c}'"): None for c in inputs}
    how = "".join(f", {said}" for said in taken if said)
    notes = [_say("input", inputs, f"read as {modality}{pairs}{how}")]
    if apart:
        notes.append(_say("labels", labels, f"each a target of its own ({option('task', 'KIND')} makes one of all)"))
    check_files(tables, modality, inputs, named=bool(plan.modality))
    for name, target in targets.items():
        notes += doubts(frame, target, plans[name])
    written = {c: said for c in inputs if c not in plan.inputs and (said := _written_numbers(frame[c]))}
    notes += [f"input: column '{c}': {said}" for c, said in list(written.items())[:MOST_TOLD]]
    ignored = [c for c in columns if c in unnamed or c not in {*inputs, *reserved}]
    if ignored:
        reasons = _reasons(frame, ignored, modality) | {c: _nameless(frame[c]) for c in unnamed}
        doubtful = [c for c in ignored[:MOST_TOLD] if c not in unnamed and not written_form(frame[c])]
        reasons |= {c: said for c in doubtful if (said := _written_numbers(frame[c]))}
        reasons |= dict.fromkeys(tables.absent, "names of files that are not there")
        notes.append(_say("ignored", ignored, f"which {option('input')} takes all the same", reasons))
    return Task(modality, tuple(inputs), targets), notes


def check_files(tables: Tables, modality: str, inputs: Sequence[str], *, named: bool) -> None:
    """Check that the files are there that the inputs name.

    Args:
        tables: What was read.
        modality: The inputs'.
        inputs: The columns.
        named: Whether the modality is known, so that names of files may be text.

    Raises:
        DataError: Not one of them is there; all are listed.
    """
    for name in inputs:
        if name in tables.absent and (by_name(modality).suffixes or not named):
            raise tables.absent[name]


def _written_numbers(column: Column) -> str:
    """Say how the numbers of a column are written that it does not hold as numbers; "" where there are none."""
    few = [cell for cell in cells_of(column[:LOOKED_AT]) if isinstance(cell, str) and cell.strip()]
    values = written_list(few[0]) if few else None
    if values and numbers_of(values)[1].all():
        return f"cells such as '{few[0][:20]}…' are text, no lists of numbers, as Parquet and JSON lines keep them"
    doubtful = any(number(cell) is None for cell in few)
    if form := written_form(column) if doubtful else "":
        return f"cells such as '{few[0].strip()}' are read as numbers ({describe_form(few[0], form)})"
    example = amount(few) if few else ""
    doubt = " or ".join(f"{value:.10g}" for value in readings(few)) if example else ""
    how = f"may be {doubt}, and stay words" if doubt else "are words, no numbers"
    return f"cells such as '{example}' {how}: write numbers as 1200.5" if example else ""


def describe_labels(task: Task) -> list[str]:
    """Describe what the labels of each target were taken for."""
    whose = "label" if len(task.targets) == 1 else "label of {}"
    return [_say(whose.format(name), target.columns, target.describe()) for name, target in task.predicted.items()]


def needs_labels(named: TargetPlan) -> bool:
    """Return whether a target of this kind is learnt from labels; one whose kind is inferred is."""
    return not named.task or plugins.load("targets", named.task).needs_columns  # pyright: ignore[reportAttributeAccessIssue]


def takes_parents(named: TargetPlan) -> bool:
    """Return whether a target has a column of the parents of its classes."""
    kind = plugins.load("targets", named.task) if named.task else None
    return named.parents is not None or getattr(kind, "takes_parents", False)


def _label_columns(tables: Tables, frame: pd.DataFrame, plan: DataPlan, named: TargetPlan) -> tuple[str, ...]:
    """Return the label columns of a target: those that are named, or the most likely ones where it needs some."""
    if not needs_labels(named):
        return named.labels
    found = named.labels or _guess_labels(tables, frame, plan)
    if named.parents is not None or (takes_parents(named) and PARENT in tables.asides):
        return (*found, named.parents or PARENT)
    return found


def _guess_labels(tables: Tables, frame: pd.DataFrame, plan: DataPlan) -> tuple[str, ...]:
    apart = {*plan.inputs, plan.group, plan.parents, *tables.asides}
    columns = [c for c in map(str, frame.columns) if c not in apart and not UNNAMED.fullmatch(c)]
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
    if len(flags) > 1 and not _is_tabular(frame, [c for c in columns if c not in flags], plan):
        return tuple(flags)
    columns = [c for c in columns if not _counts(frame, c)] or columns
    held = _held(frame, columns[-1]) if columns else None
    if len(columns) < (1 if plan.inputs else 2) or (held is not None and not held.label_like):
        mend = f"Name one: {option('label')}." if len(columns) > 1 else "Add one, or predict on these rows."
        raise UsageError(f"There is no label column. Columns: {first_few(frame.columns)}. {mend}")
    return (columns[-1],)


def _counts(frame: pd.DataFrame, column: str) -> bool:
    """Return whether a column is called like one that names the rows, and each cell differs."""
    return names_rows(column) and len(distinct(frame[column])[0]) == len(frame)


def _held(frame: pd.DataFrame, column: str) -> type[Input] | None:
    """Return the modality that a column holds; None where it holds numbers, lists or nothing known."""
    return modalities().get(contents(frame[column]))


def _is_tabular(frame: pd.DataFrame, columns: Sequence[str], plan: DataPlan) -> bool:
    """Return whether columns make rows of numbers, or make nothing: a flag beside them is likely a number more."""
    try:
        return by_name(guess_inputs(frame, plan.inputs or columns, plan)[0]).tabular
    except UsageError:
        return True


def _reasons(frame: pd.DataFrame, columns: Sequence[str], modality: str) -> dict[str, str]:
    """Say of the columns that are told why each is no input, where the modality knows."""
    kind = by_name(modality)
    found = {name: kind.unfit(name, frame[name]) for name in columns[:MOST_TOLD]}
    return {name: why for name, why in found.items() if why}


def _nameless(column: Column) -> str:
    return "blank, without a name" if contents(column) == "empty" else "an index, without a name"


def _say(what: str, columns: Sequence[str], how: str, more: Mapping[str, str] = NOTHING) -> str:
    listing = first_few(f"'{name}'" + (f" ({more[name]})" if name in more else "") for name in columns)
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
            first_few((f"{where}: {unknown('column', name, [str(c) for c in frame.columns])}" for name in absent), "; ")
        )
