"""What scikit-learn calls X, as rows: images, texts, pairs of texts, or vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.data.inputs import as_files, contents, make_rows
from headstart.data.readers.memory import input_columns
from headstart.data.rows import Rows
from headstart.data.tables import make_frame
from headstart.inputs import by_name, modalities, tabular


def modality_of(X: Any) -> str:
    """Infer the modality from the first example; whether all are alike is checked later, row by row.

    Args:
        X: Array, list or pandas frame of examples.

    Returns:
        The modality; for what is of no known kind that of vectors: scikit-learn's own checks then say what is wrong.
    """
    held = {contents(as_files(cells)) for cells in _samples(X)}
    return next((name for name, kind in modalities().items() if name in held and not kind.tabular), tabular())


def make_examples(X: Any, task: Task) -> Rows:
    """Make rows of images or texts without labels.

    Args:
        X: Of any modality but vectors.
        task: Names the columns, as `column_names` gave them for the training examples.

    Returns:
        The rows, named by a frame's index or by their place, images in files by their path too.

    Raises:
        DataError: An example is missing or of another kind; every one is listed.
    """
    columns = _columns(X)
    first = next(iter(columns.values()))
    index = X.index if is_frame(X) and X.index.is_unique else range(len(first))
    names = [
        f"row {name}" + (f" ({cell})" if isinstance(cell, Path) else "")
        for name, cell in zip(index, first, strict=True)
    ]
    return make_rows(make_frame(columns, names), task)


def column_names(X: Any) -> tuple[str, ...]:
    """Name the columns of images or texts."""
    return tuple(_columns(X))


def taken(X: Any, task: Task) -> str:
    """Say how the cells of training examples were taken, where they could mean several things; "" for vectors."""
    kind = by_name(task.modality)
    if kind.tabular:
        return ""
    return "; ".join(filter(None, (kind.taken(cells, f"X, column '{name}'") for name, cells in _columns(X).items())))


def is_frame(value: Any) -> bool:
    """Return whether this is a pandas frame."""
    return type(value).__name__ == "DataFrame" and hasattr(value, "iloc")


def _columns(X: Any) -> dict[str, Sequence[Any]]:
    if is_frame(X):
        columns: dict[str, Sequence[Any]] = {str(name): list(X[name]) for name in X.columns}
    elif not isinstance(X, list | tuple) and np.asarray(X).ndim == 2:  # a table of texts, as a ColumnTransformer gives
        columns = {f"x{place}": cells.tolist() for place, cells in enumerate(np.asarray(X).T)}
    else:
        columns = input_columns(X)
    return {name: as_files(cells) for name, cells in columns.items()}


def _samples(X: Any) -> list[list[Any]]:
    """Return cells that tell what X holds; none where they are numbers, one in each cell."""
    if is_frame(X):
        return [list(X[name]) for name in X.columns if X[name].dtype.kind not in "biuf"]
    if not isinstance(X, list | tuple):
        array = np.asarray(X) if hasattr(X, "__array__") else np.empty(0)
        if array.dtype.kind in "biufc":
            return [[array[0]]] if array.ndim > 2 and len(array) else []
        return [[array.reshape(-1)[0]]] if array.size and array.ndim else []
    first = X[0] if len(X) else None
    parts = isinstance(first, list | tuple) and all(isinstance(part, str) for part in first)
    return [list(X[0]) if parts else [first]]  # parts of a pair of texts
