"""What scikit-learn calls X, as rows: images, texts, pairs of texts, or vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.data.images import is_image, is_image_name
from headstart.data.inference import contents
from headstart.data.inputs import make_rows
from headstart.data.readers.memory import input_columns
from headstart.data.rows import Rows
from headstart.data.tables import make_frame, number


def modality_of(X: Any) -> str:
    """Tell images, texts and vectors apart by the first example; whether all are alike is checked later, row by row.

    Args:
        X: Array, list or pandas frame of examples.

    Returns:
        "vector" also for what is of no known kind: scikit-learn's own checks then say what is wrong.
    """
    if is_frame(X):
        held = {contents(list(X[name])) for name in X.columns if X[name].dtype.kind not in "biuf"}
        names = held and all(_are_image_names(list(X[name])) for name in X.columns)
        return "image" if names or "image" in held else "text" if "text" in held else "vector"
    if isinstance(X, list | tuple):
        return _by_first(X[0]) if X else "vector"
    if not hasattr(X, "__array__"):
        return "vector"
    array = np.asarray(X)
    if array.dtype.kind in "biufc":
        return "image" if array.ndim > 2 else "vector"
    return _by_first(array.reshape(-1)[0]) if array.size and array.ndim else "vector"


def make_examples(X: Any, task: Task) -> Rows:
    """Make rows of images or texts without labels.

    Args:
        X: What `modality_of` calls images or texts.
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
    return {name: [Path(c) for c in cells] if _are_image_names(cells) else cells for name, cells in columns.items()}


def _by_first(example: Any) -> str:
    if is_image(example) or (isinstance(example, str) and is_image_name(example)):
        return "image"
    parts = example if isinstance(example, list | tuple) else [example]
    texts = len(parts) > 0 and all(isinstance(part, str) and number(part) is None for part in parts)
    return "text" if texts else "vector"


def _are_image_names(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) and is_image_name(cell) for cell in cells)
