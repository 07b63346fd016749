"""Labels and cells of data in memory: arrays, lists, frames; one-hot rows become classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.errors import DataError, UsageError, first_few

LABEL_NAMES = ("y", "label", "labels", "target", "targets")


def label_columns(y: Any, name: str) -> dict[str, Sequence[Any]]:
    """Make columns of labels: one, or one for each column of an array, a frame or a dict.

    Args:
        y: N labels.
        name: What one column is called; several of an array are called NAME_0, NAME_1 …

    Returns:
        Cells by column.

    Raises:
        UsageError: The labels are neither an array nor a list nor a frame.
    """
    if is_frame(y):
        return frame_columns(y)
    if isinstance(y, dict):
        return {str(column): cells_of(cells) for column, cells in y.items()}
    cells = cells_of(y)
    widths = {len(cell) if isinstance(cell, np.ndarray | list | tuple) else 0 for cell in cells}
    wide = isinstance(cells[0], np.ndarray) if cells else False
    table = wide or (
        cells and all(isinstance(c, list | tuple) and all(isinstance(v, int | float) for v in c) for c in cells)
    )
    if table and len(widths) == 1 and 0 not in widths:
        width = widths.pop()
        if width == 1:
            return {name: [cell[0] for cell in cells]}
        return {f"{name}_{i}": [cell[i] for cell in cells] for i in range(width)}
    return {name: cells}


def one_hot(y: Any) -> bool:
    """Return whether each row of an array or of lists is 1 in one place and 0 elsewhere, as `to_categorical` has it.

    A frame names its columns, so that its labels are several.
    """
    if isinstance(y, list | tuple):
        even = all(isinstance(row, list | tuple) for row in y) and len(set(map(len, y))) == 1
    else:
        even = hasattr(y, "__array__") and not is_frame(y)
    array: Any = np.asarray(y) if even else np.empty(0)
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    return bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())


def told_one_hot(y: Any) -> str:
    """Say what becomes of one-hot rows, and how several labels a row are said."""
    wide = len(y[0])
    return f"one-hot rows of {wide}, taken as classes 0 to {wide - 1} (a frame keeps them as {wide} labels a row)"


def classes_of(y: Any) -> np.ndarray:  # [N]
    """Return the class of each one-hot row: the place of its 1."""
    return np.asarray(y).argmax(axis=1)


def frame_columns(frame: Any) -> dict[str, Sequence[Any]]:
    """Return the cells of a frame by column. DataError: columns have one name."""
    names = [str(name) for name in frame.columns]
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise DataError(f"The frame has several columns of one name: {first_few(map(repr, twice))}. Rename them.")
    return {name: list(frame[column]) for name, column in zip(names, frame.columns, strict=True)}


def cells_of(values: Any) -> list[Any]:
    """Return the cells of an array, a list or a series. UsageError: it is something else."""
    if isinstance(values, list | tuple):
        return [v.item() if isinstance(v, np.generic) else v for v in values]
    if isinstance(values, str) or not hasattr(values, "__array__"):
        raise UsageError(f"Inputs and labels are arrays, lists or frames; got {type(values).__name__}.")
    if type(values).__name__ == "Series":
        return list(values)
    array = np.asarray(values)
    return array.tolist() if array.ndim == 1 else list(array)


def is_frame(data: Any) -> bool:
    """Return whether this is a pandas frame."""
    return type(data).__name__ == "DataFrame" and hasattr(data, "columns") and hasattr(data, "index")
