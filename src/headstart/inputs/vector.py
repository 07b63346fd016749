"""Vectors: rows of numbers, together in one cell, or made of the columns of a table: numbers, dates, categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from headstart.core.cells import digest
from headstart.core.columns import Column, cells_of, distinct, exact_numbers, numbers, release_memory
from headstart.core.counting import agree
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.input import Cut, Input
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.told import told
from headstart.inputs import LISTED, PIECES, WORDS
from headstart.inputs._encoding import Encoding, describe
from headstart.inputs._evidence import MOST_LISTED, column_pieces
from headstart.inputs._kinds import MOST, TAKEN, WHY_NOT, blanks, kind, names_rows, read_numbers

if TYPE_CHECKING:
    import pandas as pd
    import torch

MOST_NUMBERS = 8  # of a row in a preview
MANY = 50_000  # rows of a table whose memory counts


@dataclass(frozen=True)
class Vector(Input):
    """What a backbone expects of a row of numbers: how many (None takes the data's), and how cells become numbers.

    table: how the cells of each column become numbers, as learnt on training rows; () takes numbers as they are.
    """

    order: ClassVar[int] = 30
    plural: ClassVar[str] = "rows of numbers"
    tabular: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("tabular-classification", "tabular-regression")

    dim: int | None = None
    table: tuple[Encoding, ...] = ()

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
        """Choose the first column of vectors, else every column of numbers, dates or categories that can tell a thing.

        Args:
            frame: The columns beside the labels.
            own: The columns that hold vectors.
            numbers: Those of numbers; where nothing else is there, one that counts the rows is one all the same.

        Returns:
            The columns.
        """
        if own:
            return tuple(own[:1])
        held = {name: kind(name, frame[name]) for name in map(str, frame.columns)}
        taken = tuple(name for name, what in held.items() if what in TAKEN)
        return taken or tuple(name for name in numbers if held[name] == "counter" and not names_rows(name))

    @classmethod
    def unfit(cls, name: str, column: Column) -> str:
        """Return why `columns` left a column out; "" where it did not."""
        return WHY_NOT.get(kind(name, column), "")

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:  # [N, D]
        """Read the numbers, or the cells of a table with other columns too.

        Args:
            frame: Cells by column, each row under its name.
            columns: Columns of one cell each, or one column of vectors.

        Returns:
            The vectors, [N, D] float32, NaN where a cell of a table is blank; cells as they are, [N, D] object, where
            a column holds no numbers.

        Raises:
            DataError: Cells among numbers are no finite numbers, or the vectors differ in length; all are listed.
        """
        arrays = [np.asarray(cell) for cell in cells_of(frame[columns[0]])] if len(columns) == 1 else []
        if not any(array.ndim for array in arrays):
            table = _read_table(frame, columns)
            release_memory()
            return table
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
        raise BadRows("Inputs that are not finite numbers of equal count:", problems)

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take rows of numbers, or a single one.

        Args:
            items: The examples.
            columns: The input's.

        Returns:
            The column "x" of vectors, or the columns where a cell is no number.

        Raises:
            DataError: A row has another count of numbers than there are columns.
        """
        one = isinstance(items, np.ndarray) and items.ndim == 1
        rows = [items] if one else list(items)
        if len(columns) > 1 and any(np.size(row) != len(columns) for row in rows):
            raise DataError(
                f"The model predicts from {len(columns)} columns ({first_few(columns)}); a row has another count."
            )
        if len(columns) > 1 and not all(np.asarray(row).dtype.kind in "biuf" for row in rows):
            return {name: [row[place] for row in rows] for place, name in enumerate(columns)}
        return {"x": [np.asarray(row) for row in rows]}

    @classmethod
    def check(cls, ids: Sequence[str], items: Sequence[np.ndarray]) -> tuple[list[bytes], list[str]]:
        """Hash each row; of cells that are no numbers what they hold."""
        return [digest(item.tolist() if item.dtype == object else item) for item in items], []

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Show the first numbers with their names."""
        listed = [
            f"{name} = {value:.4g}" if isinstance(value, float | np.floating) else f"{name} = {value}"
            for name, value in zip(_names(columns, len(item)), item, strict=True)
        ]
        return {WORDS: first_few(listed, most=MOST_NUMBERS)}

    @classmethod
    def pieces(cls, item: Any, columns: Sequence[str], rows: np.ndarray) -> list[tuple[str, Any]]:
        """Take each column for itself: without it, it holds what is usual."""
        return column_pieces(item, _names(columns, len(item)), rows)

    @classmethod
    def weighed(cls, pieces: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """Show the strongest columns, below each other."""
        strongest = sorted(pieces, key=lambda piece: -abs(piece[1]))[:MOST_LISTED]
        return {PIECES: [piece for piece in strongest if piece[1]], LISTED: True}

    @classmethod
    def baselines(cls, inputs: np.ndarray) -> tuple[Offer, ...]:
        """Compare with the columns themselves, weighed and in boosted trees."""
        return (
            Offer("vector:columns", "linear", why="the columns themselves, weighed", pretrained=False),
            Offer("vector:columns", "boosting", why="the columns themselves, in boosted trees", pretrained=False),
        )

    @classmethod
    def measure(cls, inputs: np.ndarray, columns: Sequence[str]) -> dict[str, Any]:
        """Count the numbers in a row, and learn of a table's columns how they become numbers.

        Args:
            inputs: What `read` made of the training rows.
            columns: The input's; of vectors one.

        Returns:
            "dim", and of a table "table".

        Raises:
            UsageError: No column of the table can tell rows apart.
        """
        if len(columns) != inputs.shape[1]:
            return {"dim": int(inputs.shape[1])}
        table = tuple(Encoding.learn(name, inputs[:, place]) for place, name in enumerate(columns))
        if not any(each.width for each in table):
            raise UsageError(
                f"No column tells the training rows apart ({first_few(columns)}): each is blank, constant or has "
                f"another value in every row. Name others with {option('input')}."
            )
        return {"dim": int(inputs.shape[1]), "table": table}

    def notes(self) -> list[str]:
        """Describe what is made of columns that hold more than numbers."""
        return describe(self.table)

    def refuses(self, inputs: np.ndarray) -> str:
        """Refuse rows of another length, and cells that are no numbers where numbers are taken as they are."""
        found = np.shape(inputs)[1]
        if not found:
            return "takes rows of numbers; the rows of the data hold none"
        if self.table:
            wanted = len(self.table)
            return "" if wanted == found else f"takes {wanted} columns; the data has {found}"
        if inputs.dtype == object:
            return (
                "takes numbers alone, and some columns of the data hold dates or categories: name those of numbers "
                f"with {option('input')}, or take a source that encodes tables: {option('source', 'vector:columns')}"
            )
        return "" if self.dim in {None, found} else f"takes {self.dim} numbers a row; the data has {found}"

    def wrong(self, inputs: np.ndarray) -> list[tuple[int, str]]:
        """Find cells that are no numbers or dates where those are expected, and blank ones where none was learnt."""
        if self.table:
            return [
                (place, f"column '{each.name}': {inputs[place, column]!r} {what}")
                for column, each in enumerate(self.table)
                for place, what in each.wrong(inputs[:, column])
            ]
        return [
            (int(row), f"number {column + 1} is blank, and the network was not made for blank cells")
            for row, column in np.argwhere(np.isnan(inputs))
        ]

    def cut(self, inputs: np.ndarray) -> Cut | None:
        """Find rows with a category that has no number of its own."""
        found = [each.strange(inputs[:, place]) for place, each in enumerate(self.table) if each.kind == "category"]
        columns = [each.name for each in self.table if each.kind == "category"]
        own = first_few(f"'{name}'" for name, strange in zip(columns, found, strict=True) if strange.any())
        places = np.flatnonzero(np.any(found, axis=0)) if own else []
        hold = agree(len(places), "hold")
        what = f"{hold} a value of {own} that has no number of its own, as training had it once or never"
        return Cut([int(place) for place in places], what) if own else None

    def prepare(self, inputs: np.ndarray) -> np.ndarray:  # [N, D]
        """Make one array of float32."""
        if self.table:
            inputs = np.concatenate([e.encode(inputs[:, column]) for column, e in enumerate(self.table)], axis=1)
        return np.ascontiguousarray(inputs, dtype=np.float32)

    def seen(self, example: np.ndarray, inputs: np.ndarray) -> dict[str, Any]:
        """Show the first numbers after encoding, with their names."""
        return self.preview(example, [name for each in self.table for name in each.names])

    def walk(self, inputs: np.ndarray) -> list[tuple[str, str]]:
        """Tell what happens to a row on its way into the network.

        Args:
            inputs: The one row, [1, D].

        Returns:
            Steps in words.
        """
        example = self.prepare(inputs)[0]
        columns = [each.name for each in self.table]
        steps = [("row", self.preview(inputs[0], columns)[WORDS])]
        if self.table:
            steps.append(("encoded by what the training rows say", self.seen(example, inputs)[WORDS]))
        return [*steps, ("numbers", told(example)), ("a batch of one", told(self.collate([example])))]

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


def _names(columns: Sequence[str], width: int) -> Sequence[str]:
    return columns if len(columns) == width else [str(column) for column in range(width)]


def encoded_width(table: Sequence[Encoding]) -> int:
    """Count the numbers that a row of a table becomes."""
    return sum(each.width for each in table)


def _read_table(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Read columns of one cell each: [N, C] float32 with NaN for blank cells, or object where not all are numbers."""
    values = np.zeros((len(frame), len(columns)), dtype=np.float32)
    plain, mixed = [], set[str]()
    for place, name in enumerate(columns):
        found, right = read_numbers(frame[name])
        empty = blanks(frame[name])
        there = ~empty
        if there.any() and (right & there).sum() < MOST * there.sum():
            mixed.add(name)
            continue
        with np.errstate(over="ignore"):
            values[:, place] = np.where(there, found, np.nan)
        if not (right & np.isfinite(values[:, place]))[there].all():
            plain.append((name, there))
    problems: list[Problem] = []
    for name, there in plain:
        try:
            numbers(frame.loc[there], [name])
        except DataError as error:
            problems += error.problems
    if problems:
        raise BadRows("Numbers that cannot be used:", problems)
    if not mixed:
        return values
    cells = np.empty((len(frame), len(columns)), dtype=object)
    for place, name in enumerate(columns):
        texts = np.ones(len(frame), dtype=bool)
        if len(frame) >= MANY and name not in mixed:  # to save memory: a number takes a third of its text
            values, exact = exact_numbers(frame[name])
            cells[exact, place], texts = values, ~exact
        different, places = distinct(frame[name][texts])  # for the same reason equal texts are one object
        cells[texts, place] = np.fromiter(different, dtype=object, count=len(different))[places]
    return cells
