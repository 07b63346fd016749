"""Cells of a table: what is missing or blank, what is a number, how a class is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import DataError, Problem

if TYPE_CHECKING:
    import pandas as pd


def missing(cell: Any) -> bool:
    """Return whether a cell is missing: None, NaN or pandas' NA. Blank text is not missing."""
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or type(cell).__name__ in {"NAType", "NaTType"}


def blank(cell: Any) -> bool:
    """Return whether a cell is missing or text without a visible sign."""
    return missing(cell) or (isinstance(cell, str) and not cell.strip())


def number(cell: Any) -> float | None:
    """Read a cell as a number, NaN and infinity included; None if it is not one."""
    if isinstance(cell, bool | np.bool_ | int | float | np.integer | np.floating):
        try:
            return float(cell)
        except OverflowError:
            return math.inf if cell > 0 else -math.inf
    if isinstance(cell, str) and "_" not in cell:  # float() would take "1_0" for 10
        try:
            return float(cell)
        except ValueError:
            return None
    return None


def class_name(value: Any) -> str:
    """Return the name of a class: text as it is, whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def numbers(frame: pd.DataFrame, columns: Sequence[str], *, flags: bool = False) -> np.ndarray:
    """Read columns as finite numbers [N, columns] float32; with `flags` only 0 and 1 are right.

    Args:
        frame: The rows.
        columns: The columns.
        flags: Whether the numbers say yes or no.

    Returns:
        The numbers.

    Raises:
        DataError: A cell is blank, not a number or not finite; every one is listed by row and column.
    """
    values = np.zeros((len(frame), len(columns)), dtype=np.float32)
    problems = []
    for place, column in enumerate(columns):
        for row, cell in enumerate(frame[column]):
            value = number(cell)
            wrong = "is blank" if blank(cell) else "is not a number" if value is None else ""
            if not wrong and value is not None:
                with np.errstate(over="ignore"):
                    values[row, place] = value
                if not np.isfinite(values[row, place]):
                    wrong = "is not a finite number of 32 bits"
                elif flags and value not in {0.0, 1.0}:
                    wrong = "is neither 0 nor 1"
            if wrong:
                problems.append(
                    Problem(
                        f"{frame.index[row]}, column '{column}'", f"{cell!r} {wrong}", "correct it or delete the row"
                    )
                )
    if problems:
        raise DataError("Numbers that cannot be used:", problems)
    return values
