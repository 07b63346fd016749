"""Find which columns are the input, by asking each modality in turn, and make of them what `Rows` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from headstart.core.columns import Column, blank_cells, cells_of, check_text, numbers_of
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.packed import packed
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.rows import Rows
from headstart.inputs import by_name, modalities, of_file, tabular
from headstart.inputs._kinds import written_form

if TYPE_CHECKING:
    import pandas as pd

NUMBER = "number"  # what a column holds that has one number in a cell


def contents(column: Column) -> str:
    """Find what a column holds: the name of a modality, or "number", "list", "empty", "other".

    Numbers may be written as text, also with a decimal comma, as money, per cent or spans of time. One cell in ten may
    be wrong, and is reported later.
    """
    filled = ~blank_cells(column)
    if not filled.any():
        return "empty"
    _, are_numbers = numbers_of(column)
    if (are_numbers & filled).sum() >= 0.9 * filled.sum():
        return NUMBER
    if written_form(column):
        return NUMBER
    known = list(compress(cells_of(column), filled))
    for name, kind in modalities().items():
        if kind.holds(known):
            return name
    return "list" if isinstance(known[0], list | tuple | set | frozenset) else "other"


def guess_inputs(frame: pd.DataFrame, columns: Sequence[str], plan: DataPlan) -> tuple[str, tuple[str, ...]]:
    """Choose the input.

    Args:
        frame: The training rows.
        columns: Those beside the labels.
        plan: What the user named; it is taken as it is.

    Returns:
        The modality, and the input's columns.

    Raises:
        UsageError: No column is fit, several are, or the modality is not known.
    """
    if plan.modality:
        by_name(plan.modality)
    held = {name: contents(frame[name]) for name in (plan.inputs or columns)}
    if plan.inputs:
        return plan.modality or _common_modality(frame, held), plan.inputs
    candidates = cast("pd.DataFrame", frame[list(columns)])
    numbers = [name for name, content in held.items() if content == NUMBER]
    for modality, kind in modalities().items():
        if plan.modality in {None, modality}:
            own = [name for name, content in held.items() if content == modality]
            found = kind.columns(candidates, own, numbers)
            if found:
                return modality, found
    wanted = f"{plan.modality} input" if plan.modality else "input"
    reasons = {name: by_name(plan.modality or tabular()).unfit(name, frame[name]) for name in held}
    told = (f"{name} ({content}{f': {reasons[name]}' if reasons[name] else ''})" for name, content in held.items())
    listing = first_few(told) or "none"
    raise UsageError(
        f"No column is fit as {wanted}. Columns beside the labels: {listing}. Name some: {option('input')}."
    )


def _common_modality(frame: pd.DataFrame, held: Mapping[str, str]) -> str:
    for modality, kind in modalities().items():
        if set(held.values()) <= ({modality, NUMBER} if kind.tabular else {modality}):
            return modality
    labels = {modality for modality, kind in modalities().items() if kind.label_like}
    if set(held.values()) <= {NUMBER, "empty", "other", *labels}:  # dates are others
        return tabular()
    numbers = [name for name, content in held.items() if content == NUMBER]
    for modality, kind in modalities().items():
        own = [name for name, content in held.items() if content == modality]
        if own and set(kind.columns(cast("pd.DataFrame", frame[list(held)]), own, numbers)) == set(held):
            return modality
    raise UsageError(f"The inputs must hold one kind of data: {first_few(f'{n} holds {c}' for n, c in held.items())}.")


def as_files(cells: Sequence[Any]) -> Sequence[Any]:
    """Turn names of files of one modality into paths; cells of another kind stay as they are."""
    kinds = {of_file(cell) if isinstance(cell, str) else None for cell in cells}
    return [Path(cell) for cell in cells] if len(kinds) == 1 and kinds != {None} else cells


def make_rows(frame: pd.DataFrame, task: Task) -> Rows:
    """Make rows without labels.

    Args:
        frame: Cells by column, each row under its name.
        task: Says which columns are the inputs, and of which modality.

    Returns:
        The rows.

    Raises:
        DataError: An input is missing or of another kind; every row is listed.
    """
    return Rows(packed(map(str, frame.index)), make_inputs(frame, task))


def make_inputs(frame: pd.DataFrame, task: Task) -> Any:
    """Make the inputs of a split, as the task's modality holds them."""
    check_text(frame, task.inputs)
    return by_name(task.modality).read(frame, task.inputs)
