"""Vectors: rows of numbers, one column each or together in one cell, as float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from headstart.core.cells import number
from headstart.core.columns import Column, cells_of, numbers
from headstart.core.errors import DataError, Problem, UsageError, first_few
from headstart.core.input import Input
from headstart.inputs import WORDS

if TYPE_CHECKING:
    import pandas as pd
    import torch

ROW_NUMBER_NAMES = ("id", "idx", "index", "row", "rowid")
MOST_NUMBERS = 8  # of a row in a preview


@dataclass(frozen=True)
class Vector(Input):
    """What a backbone expects of a row of numbers: how many; None takes the data's."""

    order: ClassVar[int] = 30
    plural: ClassVar[str] = "rows of numbers"
    tabular: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("tabular-classification", "tabular-regression")

    dim: int | None = None

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether the first cell is an array, or all are lists of equally many numbers."""
        if isinstance(cells[0], np.ndarray):
            return True
        if not all(isinstance(cell, list | tuple | set | frozenset) for cell in cells):
            return False
        found = all(isinstance(v, int | float) and not isinstance(v, bool) for cell in cells for v in cell)
        return found and len({len(cell) for cell in cells}) == 1

    @classmethod
    def columns(cls, frame: pd.DataFrame, own: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
        """Choose the first column of vectors, else every column of numbers that does not count the rows."""
        return tuple(own[:1]) or tuple(name for name in numbers if not _is_row_number(name, frame[name]))

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:  # [N, D]
        """Read the numbers.

        Args:
            frame: Cells by column, each row under its name.
            columns: Columns of one number each, or one column of vectors.

        Returns:
            The vectors, [N, D] float32.

        Raises:
            DataError: Cells are missing or no finite numbers, or the rows differ in length; all are listed.
        """
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

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take rows of numbers, or a single one.

        Args:
            items: The examples.
            columns: The input's.

        Returns:
            The column "x" of vectors.

        Raises:
            DataError: A row has another count of numbers than there are columns.
        """
        one = isinstance(items, np.ndarray) and items.ndim == 1
        rows = [np.asarray(cell) for cell in ([items] if one else items)]
        if len(columns) > 1 and any(row.size != len(columns) for row in rows):
            raise DataError(
                f"The model predicts from {len(columns)} numbers ({first_few(columns)}); a row has another count."
            )
        return {"x": rows}

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Show the first numbers with their names."""
        names = columns if len(columns) == len(item) else [str(column) for column in range(len(item))]
        listed = [f"{name} = {value:.4g}" for name, value in zip(names, item, strict=True)]
        return {WORDS: first_few(listed, most=MOST_NUMBERS)}

    @classmethod
    def measure(cls, inputs: np.ndarray) -> dict[str, Any]:
        """Count the numbers in a row."""
        return {"dim": int(inputs.shape[1])}

    def refuses(self, inputs: np.ndarray) -> str:
        """Refuse rows of another length."""
        width = np.shape(inputs)[1]
        return "" if self.dim in {None, width} else f"takes {self.dim} numbers a row; the data has {width}"

    def prepare(self, inputs: np.ndarray) -> np.ndarray:  # [N, D]
        """Make one array of float32."""
        return np.ascontiguousarray(inputs, dtype=np.float32)

    def collate(self, examples: list[np.ndarray]) -> torch.Tensor:  # [B, D]
        """Stack the rows."""
        import torch

        return torch.from_numpy(np.stack(examples))

    def blank(self, rows: int) -> torch.Tensor:  # [B, D]
        """Make rows of zeros.

        Args:
            rows: How many.

        Returns:
            [B, D].

        Raises:
            UsageError: It is not known how many numbers a row has.
        """
        import torch

        if self.dim is None:
            raise UsageError("The model card does not say how many numbers a row has: it needs input.dim.")
        return torch.zeros(rows, self.dim)


def _is_row_number(name: str, column: Column) -> bool:
    return name.strip().lower() in ROW_NUMBER_NAMES and len(set(map(number, cells_of(column)))) == len(column)
