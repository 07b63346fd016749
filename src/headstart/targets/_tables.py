"""Columns of the table of predictions, to arrays and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.core.errors import DataError, first_few


def class_columns(
    classes: Sequence[str], labels: Sequence[Any] | None, predictions: Sequence[Any], outputs: np.ndarray
) -> dict[str, Any]:
    """Make the columns of a target with classes.

    Args:
        classes: C.
        labels: A class a row, or a list of classes; None leaves the column out.
        predictions: The same.
        outputs: Probabilities [N, C].

    Returns:
        Columns by name: `label`, `prediction`, and `p:CLASS` for each class.
    """
    columns: dict[str, Any] = {} if labels is None else {"label": labels}
    columns["prediction"] = predictions
    return columns | {f"p:{name}": outputs[:, place] for place, name in enumerate(classes)}


def places_of(classes: Sequence[str], cells: Sequence[Sequence[str]]) -> list[list[int]]:
    """Find the places of class names in the class list.

    Args:
        classes: The list.
        cells: Names by row.

    Returns:
        Places by row.

    Raises:
        DataError: A name is not in the list.
    """
    place = {name: i for i, name in enumerate(classes)}
    foreign = sorted({name for cell in cells for name in cell if name not in place})
    if foreign:
        raise DataError(f"The predictions hold labels that are no class of the task: {first_few(foreign)}.")
    return [[place[name] for name in cell] for cell in cells]


def matrix(table: Mapping[str, Any], columns: Sequence[str]) -> np.ndarray:
    """Put columns beside each other, [N, columns]."""
    return np.stack([np.asarray(table[name]) for name in columns], axis=1)
