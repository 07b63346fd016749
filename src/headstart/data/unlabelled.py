"""Examples without labels: those that a model predicts for, and a pool that is given beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.columns import cells_of
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.checks import check_rows
from headstart.data.find import read_tables
from headstart.data.inference import check_columns, check_files
from headstart.data.inputs import make_rows
from headstart.data.left_out import Bad, keep, usable
from headstart.data.readers._records import are_records
from headstart.data.rows import Rows
from headstart.data.tables import join, make_frame
from headstart.data.walk import files_below, files_in
from headstart.inputs import by_name

if TYPE_CHECKING:
    import pandas as pd


def read_unlabelled(
    data: Any, plan: DataPlan, task: Task, bad: Bad = MappingProxyType({})
) -> tuple[Rows, Sequence[str]]:
    """Read examples to predict on; labels are not needed and not read.

    Args:
        data: What `read` takes; also a flat folder of images, one image file, or a list of texts, paths,
            PIL images or arrays.
        plan: How to read it.
        task: What the model predicts from.
        bad: What is known to be wrong with rows, by name; they are left out.

    Returns:
        The rows, and the names of all, with those that were left out.

    Raises:
        DataError: Rows are wrong, or an input column is missing.
        UsageError: The path is wrong, or no reader takes the data.
    """
    rows, names, modality = loose_rows(data, plan, task, "the data", bad)
    rows, _ = check_rows({"all": rows}, modality)
    return rows["all"], names


def loose_rows(data: Any, plan: DataPlan, task: Task, where: str, bad: Bad) -> tuple[Rows, Sequence[str], str]:
    """Read examples without labels and without looking at each; `where` names them in messages.

    Args:
        data: The examples.
        plan: How to read them.
        task: What they are for.
        where: Names them in messages.
        bad: What is wrong with rows that are left out, by name.

    Returns:
        The rows, the names of all, and their modality.
    """
    data = one_row(data, task)
    items = loose_items(data, task)
    if items is not None:
        frame, task = loose_frame(items, task)
        names = [str(row) for row in frame.index]
    else:
        tables = read_tables(data, plan)
        task = task.for_columns({column for frame in tables.splits.values() for column in frame.columns})
        check_files(tables, task.modality, task.inputs, named=True)
        usable(tables, bad)
        frame = join(list(tables.splits.values()))
        if list(frame.columns) == ["x"] or ("x" in frame.columns and not set(task.inputs) & set(frame.columns)):
            ids = frame.index
            frame, task = loose_frame(cells_of(frame["x"]), task)
            frame.index = ids
        check_columns(frame, task.inputs, where)
        names = tables.names()
    return make_rows(keep(frame, bad), task), names, task.modality


def one_row(data: Any, task: Task) -> Any:
    """Take a row that is given alone, as a dict or as a row of a frame, for a list of one; other data as it is."""
    task = task.for_columns(_keys(data))
    row = data.to_dict() if type(data).__name__ == "Series" and set(task.inputs) <= set(data.index) else data
    if type(row) is not dict or not set(task.inputs) <= set(row):
        return data
    cells = [row[name] for name in task.inputs]
    columns = any(isinstance(cell, list | tuple | set | np.ndarray) or hasattr(cell, "iloc") for cell in cells)
    return data if columns else [row]


def _keys(data: Any) -> list[str]:
    return list(data.index) if type(data).__name__ == "Series" else list(data) if type(data) is dict else []


def loose_items(data: Any, task: Task) -> Any:
    """Find examples that come without columns.

    Args:
        data: A file, a folder in which files lie beside the folders, if any; a list or an array of examples, or one.
        task: What the model predicts from.

    Returns:
        The examples, or None where a reader has to read them.
    """
    kind = by_name(task.modality)
    if isinstance(data, str) and kind.holds([data]) and any(map(str.isspace, data)) and not _is_there(data):
        raise UsageError("There is no such file or folder; a text itself stands in a list, as in predict([TEXT]).")
    if isinstance(data, str | Path):
        path = Path(data)
        if path.is_file():
            return [path] if path.suffix.lower() in kind.suffixes else None
        if not path.is_dir() or not kind.suffixes:
            return None
        loose = any(file.suffix.lower() in kind.suffixes for file in files_in(path))  # else a reader knows the folders
        found = (file.path for file in files_below(path) if not file.circle)
        return [file for file in found if file.suffix.lower() in kind.suffixes] if loose else None
    if isinstance(data, list) and are_records(data):
        return None
    if isinstance(data, list | np.ndarray) or type(data).__name__ == "Series":
        return data
    return [data] if kind.holds([data]) else None


def loose_frame(items: Any, task: Task) -> tuple[pd.DataFrame, Task]:
    """Make a frame of examples that come without columns: texts, pairs, paths, PIL images, arrays, lists of numbers.

    Args:
        items: A list, a tuple or an array of examples.
        task: What the model predicts from.

    Returns:
        The frame, and the task with its inputs named as in the frame.

    Raises:
        DataError: There are no examples, or the modality does not take them.
    """
    if not len(items):
        raise DataError("There are no examples: the list is empty.")
    columns = by_name(task.modality).loose(items, task.inputs)
    cells = next(iter(columns.values()))
    places = [f"[{place}]" for place in range(len(cells))]
    names = [str(cell) if isinstance(cell, Path) else place for cell, place in zip(cells, places, strict=True)]
    ids = names if len(set(names)) == len(names) else places
    return make_frame(columns, ids), replace(task, inputs=tuple(columns))


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # a text that no name can be
        return False
