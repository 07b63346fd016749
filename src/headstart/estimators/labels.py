"""What scikit-learn calls y, as labels: one-hot rows become classes, and labels of other rows are encoded alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import column_or_1d

from headstart.data.readers._cells import classes_of, one_hot, told_one_hot


def as_classes(y: Any, *, warn: bool = False) -> Any:
    """Put classes in the place of one-hot rows, as `keras.utils.to_categorical` makes them; other labels stay.

    Args:
        y: Labels.
        warn: Say so.

    Returns:
        Classes [N], or y.
    """
    if not one_hot(y):
        return y
    if warn:
        told(f"y holds {told_one_hot(y)}.")
    return classes_of(y)


def told(what: str) -> None:
    """Say what X or y was taken for, as scikit-learn does: once for each fit that is written."""
    warnings.warn(what, DataConversionWarning, stacklevel=4)


def places_of(y: Any, classes: np.ndarray) -> np.ndarray:  # [N]
    """Encode labels by the classes of other rows.

    Args:
        y: Classes [N] or [N, 1], or one-hot rows.
        classes: All that are known, sorted.

    Returns:
        The place of each label in `classes`.

    Raises:
        ValueError: A class is not known.
    """
    values = column_or_1d(as_classes(y))
    strange = [value for value in np.unique(values).tolist() if value not in classes.tolist()]
    if strange:
        raise ValueError(f"y of validation_data holds classes that y lacks: {strange[:5]}.")
    return np.searchsorted(classes, values)
