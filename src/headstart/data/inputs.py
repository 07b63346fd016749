"""Turn input cells into what `Rows` holds: images, texts or pairs of texts, one array of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import DataError, Problem, UsageError
from headstart.core.types import Task
from headstart.data.columns import cells_of
from headstart.data.images import is_image
from headstart.data.labels import numbers
from headstart.data.rows import Rows
from headstart.data.tables import make_frame, missing

if TYPE_CHECKING:
    import pandas as pd


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
    return Rows([str(row) for row in frame.index], make_inputs(frame, task))


def make_inputs(frame: pd.DataFrame, task: Task) -> Any:
    """Make the inputs of a split: a list of images or texts, or an array [N, D] float32."""
    if task.modality == "image":
        return _images(frame, task.inputs)
    return _texts(frame, task.inputs) if task.modality == "text" else _vectors(frame, task.inputs)


def _images(frame: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
    if len(columns) != 1:
        raise UsageError(f"An image task has one input column; {len(columns)} are named: {', '.join(columns)}.")
    cells = list(frame[columns[0]])
    problems = []
    for row, cell in zip(frame.index, cells, strict=True):
        if not (is_image(cell) or isinstance(cell, np.ndarray)):
            what = "has no image" if missing(cell) else f"holds {type(cell).__name__} {str(cell)[:40]!r}, not an image"
            problems.append(Problem(f"{row}, column '{columns[0]}'", what))
    if problems:
        raise DataError("Inputs that are not images:", problems)
    return cells


def _texts(frame: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
    if len(columns) not in {1, 2}:
        raise UsageError(
            f"A text task has one input column or two, a pair; {len(columns)} are named: {', '.join(columns)}."
        )
    problems = []
    texts: list[list[str]] = []
    for column in columns:
        texts.append([])
        for row, cell in zip(frame.index, cells_of(frame[column]), strict=True):
            if missing(cell) or not isinstance(cell, str | int | float | Path):
                what = "has no text" if missing(cell) else f"holds {type(cell).__name__}, not text"
                problems.append(Problem(f"{row}, column '{column}'", what, "give the text, or delete the row"))
            texts[-1].append(str(cell))
    if problems:
        raise DataError("Inputs that are not text:", problems)
    return texts[0] if len(columns) == 1 else list(zip(*texts, strict=True))


def _vectors(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    arrays = [np.asarray(cell) for cell in cells_of(frame[columns[0]])] if len(columns) == 1 else []
    if not any(array.ndim for array in arrays):
        return numbers(frame, columns)
    if all(array.ndim and array.dtype.kind in "biuf" and array.size == arrays[0].size for array in arrays):
        with np.errstate(over="ignore"):
            vectors = np.stack([array.reshape(-1) for array in arrays]).astype(np.float32)
        if np.isfinite(vectors).all():
            return vectors
    width = next(array.size for array in arrays if array.ndim)
    problems = []
    for row, array in zip(frame.index, arrays, strict=True):
        if array.dtype.kind not in "biuf" or array.ndim == 0:
            problems.append(Problem(str(row), f"column '{columns[0]}' does not hold numbers"))
        elif array.size != width:
            problems.append(Problem(str(row), f"has {array.size} numbers, the first row has {width}"))
        else:
            with np.errstate(over="ignore"):
                finite = np.isfinite(array.reshape(-1).astype(np.float32))
            problems.extend(
                Problem(f"{row}, column {c}", f"{array.reshape(-1)[c]} is not a finite number of 32 bits")
                for c in np.flatnonzero(~finite)
            )
    raise DataError("Inputs that are not finite numbers of equal count:", problems)


def loose_frame(items: Any, task: Task) -> tuple[pd.DataFrame, Task]:
    """Make a frame of examples that come without columns: texts, pairs, paths, PIL images, arrays, lists of numbers.

    Args:
        items: A list, a tuple or an array of examples.
        task: What the model predicts from.

    Returns:
        The frame, and the task with its inputs named as in the frame.

    Raises:
        DataError: There are no examples, or they have another count of numbers than the task.
    """
    cells: list[Any] = [items] if _is_one_vector(items, task) else list(items)
    if not cells:
        raise DataError("There are no examples: the list is empty.")
    if task.modality == "image":
        cells = [Path(cell) if isinstance(cell, str) else cell for cell in cells]
    names = [str(cell) if isinstance(cell, Path) else f"[{place}]" for place, cell in enumerate(cells)]
    ids = names if len(set(names)) == len(names) else [f"[{place}]" for place in range(len(cells))]
    if task.modality == "text" and len(task.inputs) == 2:
        lone = [Problem(row, "is not a pair of texts") for row, c in zip(ids, cells, strict=True) if not _is_pair(c)]
        if lone:
            raise DataError("The model predicts from pairs of texts:", lone)
        return make_frame({name: [cell[i] for cell in cells] for i, name in enumerate(task.inputs)}, ids), task
    if task.modality == "vector":
        wide = [np.asarray(cell) for cell in cells]
        if len(task.inputs) > 1 and any(array.size != len(task.inputs) for array in wide):
            raise DataError(
                f"The model predicts from {len(task.inputs)} numbers ({', '.join(task.inputs[:10])}); "
                "a row has another count."
            )
        return make_frame({"x": wide}, ids), replace(task, inputs=("x",))
    return make_frame({task.inputs[0]: cells}, ids), task


def _is_one_vector(items: Any, task: Task) -> bool:
    return task.modality == "vector" and isinstance(items, np.ndarray) and items.ndim == 1


def _is_pair(cell: Any) -> bool:
    return isinstance(cell, list | tuple) and len(cell) == 2 and all(isinstance(text, str) for text in cell)
