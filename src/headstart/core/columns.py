"""Look at whole columns of a table at once: which cells are blank, which are numbers.

The answers are those of `missing`, `blank` and `number` (core/cells.py) for each cell. A column is a pandas series, an
Arrow array of text, or a list of cells.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from headstart.core.cells import blank, half, missing, number
from headstart.core.errors import BadRows, Problem

if TYPE_CHECKING:
    import pandas as pd

Column: TypeAlias = "pd.Series | Sequence[Any] | Any"  # Any: Arrow's arrays have no types

NUMERIC = frozenset({"boolean", "integer", "floating", "mixed-integer-float"})  # as pandas calls them
DECIMAL = r"^-?[0-9]+\.[0-9]+$"
THOUSANDS = 3  # digits that a point may stand between
LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e15  # numbers beyond are written with an exponent
FIRST = 64  # cells that are looked at before all
MOST_BYTES = 40  # of a number as text, or of a word for one; what is longer and has other letters is neither
OTHER_LETTERS = r"[b-dg-hj-mo-su-xzB-DG-HJ-MO-SU-XZ]|\p{Lo}"  # than those of "infinity", "nan" and an exponent
PLAIN = r"^-?[0-9]{1,99}(\.[0-9]{1,99})?([eE][-+]?[0-9]{1,2})?$"  # the size keeps it finite


def as_text(column: Column) -> Any:
    """Return the Arrow array of a column of nothing but text; None where its cells are to be looked at one by one."""
    import pandas as pd
    import pyarrow as pa

    text: Any = column
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.StringDtype):
        text = pa.array(column.array)
    elif not isinstance(column, pa.Array | pa.ChunkedArray) and _is_text(column):
        with suppress(UnicodeEncodeError):  # half of a surrogate pair
            text = pa.array(column, pa.large_string())
    if isinstance(text, pa.Array):
        text = pa.chunked_array([text])
    if not isinstance(text, pa.ChunkedArray) or text.null_count:
        return None
    return text if text.type == pa.large_string() else text.cast(pa.large_string())


def matching_cells(text: Any, pattern: str, *, ignore_case: bool = False) -> np.ndarray:
    """Return in which cells of an Arrow array of text a pattern occurs, [N] bool."""
    import pyarrow.compute

    compute: Any = pyarrow.compute  # whose functions are made on import, so that types do not know them
    return compute.match_substring_regex(text, pattern, ignore_case=ignore_case).to_numpy()


def wordy_cells(text: Any) -> np.ndarray:
    """Return which cells of an Arrow array of text are seen at once to be words, no number and nothing short, [N] bool.

    Others may be words too.
    """
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    found = compute.binary_length(compute.utf8_trim_whitespace(text)).to_numpy() > MOST_BYTES
    if found.any():
        found[found] = matching_cells(text.filter(pa.array(found)), OTHER_LETTERS)
    return found


def cells_of(column: Column) -> list[Any]:
    """Return the cells as Python objects."""
    text = as_text(column)
    return list(column) if text is None else text.to_pylist()


def distinct(column: Column) -> tuple[list[Any], np.ndarray]:
    """Find the different texts of a column; each cell of another type counts as different.

    Args:
        column: The cells.

    Returns:
        One cell of each, in the order in which they come; the place among these of each cell of the column, [N] int.
    """
    text = as_text(column)
    if text is not None:
        coded = text.combine_chunks().dictionary_encode()
        return coded.dictionary.to_pylist(), coded.indices.to_numpy()
    cells = cells_of(column)
    if not has_text(column):
        return cells, np.arange(len(cells))
    values: list[Any] = []
    known: dict[str, int] = {}
    places = np.zeros(len(column), dtype=np.int64)
    for row, cell in enumerate(cells):
        place = known.setdefault(cell, len(values)) if type(cell) is str else len(values)
        if place == len(values):
            values.append(cell)
        places[row] = place
    return values, places


def has_text(column: Column) -> bool:
    """Return whether any cell is text."""
    return not _are_numbers(column) and any(issubclass(kind, str) for kind in set(map(type, column)))


def missing_cells(column: Column) -> np.ndarray:
    """Return which cells are missing, [N] bool."""
    text = as_text(column)
    if text is not None:
        return np.zeros(len(text), dtype=bool)
    return np.array([missing(cell) for cell in cells_of(column)], dtype=bool)


def blank_cells(column: Column) -> np.ndarray:
    """Return which cells are missing or text without a visible sign, [N] bool."""
    text = as_text(column)
    if text is None:
        values = _plain_cells(column)
        return np.array([blank(cell) for cell in column], dtype=bool) if values is None else np.isnan(values)
    return np.concatenate([np.zeros(0, dtype=bool), *map(_blank_text, text.chunks)])


def numbers_of(column: Column, read: Callable[[Any], float | None] = number) -> tuple[np.ndarray, np.ndarray]:
    """Read a column as numbers.

    Args:
        column: The cells.
        read: Reads a cell that is no plain number; one of more than `MOST_BYTES` with other letters is none.

    Returns:
        The numbers [N] float64, NaN and infinity included and 0 where there is none; which cells are numbers, [N] bool.
    """
    text = as_text(column)
    if text is not None:
        return _numbers_of_text(text, read)
    values = _plain_cells(column)
    if values is None:
        return _numbers_of_cells(cells_of(column), read)
    found = ~np.isnan(values)
    if not found.all():  # a number may be NaN
        found = np.array([cell is not None for cell in column], dtype=bool)
    return np.where(found, values, 0.0), found


def exact_numbers(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Find the texts that a number stands for exactly: Python writes it in the same signs, and it has one reading.

    Args:
        column: The cells.

    Returns:
        The numbers [M] float64; of which cells they are, [N] bool with M true. Both are decided cell by cell, and a
        text such as "1.234", which may have a point between thousands, is none.
    """
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    text = as_text(column)
    exact = np.zeros(len(column), dtype=bool)
    if text is None:
        return np.zeros(0), exact
    point = compute.find_substring(text, ".").to_numpy()
    decimals = compute.utf8_length(text).to_numpy() - point - 1
    likely = (point > 0) & (decimals > 0) & (decimals != THOUSANDS)
    try:
        values = text.filter(pa.array(likely)).cast(pa.float64())
    except pa.ArrowInvalid:
        likely &= matching_cells(text, DECIMAL)
        values = text.filter(pa.array(likely)).cast(pa.float64())
    same = compute.equal(values.cast(pa.large_string()), text.filter(pa.array(likely))).to_numpy()
    found = values.to_numpy()
    same &= (np.abs(found) >= LEAST_PLAIN) & (np.abs(found) < MOST_PLAIN)
    exact[likely] = same
    return found[same], exact


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
        found, are_numbers = numbers_of(frame[column])
        with np.errstate(over="ignore"):
            values[:, place] = found
        wrong = ~are_numbers | ~np.isfinite(values[:, place]) | (flags & ~np.isin(found, (0.0, 1.0)))
        if wrong.any():
            cells = cells_of(frame[column])
            problems += [
                Problem(
                    f"{frame.index[row]}, column '{column}'",
                    f"{cells[row]!r} {_what_is_wrong(cells[row])}",
                    "correct it or delete the row",
                )
                for row in np.flatnonzero(wrong)
            ]
    if problems:
        raise BadRows("Numbers that cannot be used:", problems)
    return values


def check_text(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that text is whole. BadRows: cells hold half of a surrogate pair; all are listed."""
    doubtful = [name for name in columns if as_text(frame[name]) is None and has_text(frame[name])]
    wrong = {name: [half(cell) for cell in frame[name]] for name in doubtful}
    problems = [
        Problem(f"{row}, column '{name}'", "holds half of a surrogate pair, which is no character", "correct the text")
        for name, cells in wrong.items()
        for row, is_wrong in zip(frame.index, cells, strict=True)
        if is_wrong
    ]
    if problems:
        raise BadRows("Text that is not whole:", problems)


def release_memory() -> None:
    """Give the system back what Arrow and glibc have freed, which they keep for later: a good part of a large table."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # elsewhere than on glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def contents_of(text: Any) -> Iterator[np.ndarray]:
    """Yield the bytes of an Arrow array of text, all cells in one, as uint8."""
    for chunk in text.chunks:
        yield _bytes(chunk)[1]


def plain_numbers(text: Any) -> np.ndarray | None:
    """Return an Arrow array of text as numbers [N] float64; None unless each is a finite one, plainly written."""
    import pyarrow as pa

    try:
        text.slice(0, FIRST).cast(pa.float64())  # of words the whole would take long to refuse
        values = text.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return values if np.isfinite(values).all() else None  # Arrow takes "nan(1)", which Python does not


def _is_text(cells: Any) -> bool:
    """Return whether each of Python's objects is text; that of numbers the first is none is seen at once."""
    return type(next(iter(cells), None)) is str and set(map(type, cells)) == {str}


def _what_is_wrong(cell: Any) -> str:
    value = number(cell)
    if blank(cell):
        return "is blank"
    if value is None:
        return "is not a number"
    with np.errstate(over="ignore"):
        return "is neither 0 nor 1" if np.isfinite(np.float32(value)) else "is not a finite number of 32 bits"


def _numbers_of_text(text: Any, read: Callable[[Any], float | None]) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow as pa

    values = plain_numbers(text)
    if values is not None:
        return values, np.ones(len(text), dtype=bool)
    plain = matching_cells(text, PLAIN)
    values, found = np.zeros(len(text)), plain.copy()
    values[plain] = text.filter(pa.array(plain)).cast(pa.float64()).to_numpy()
    doubtful = ~plain & ~wordy_cells(text)
    others, places = distinct(text.filter(pa.array(doubtful)))  # names of classes are few
    told, are_numbers = _numbers_of_cells(others, read)
    values[doubtful], found[doubtful] = told[places], are_numbers[places]
    return values, found


def _numbers_of_cells(cells: Sequence[Any], read: Callable[[Any], float | None]) -> tuple[np.ndarray, np.ndarray]:
    told = [read(cell) for cell in cells]
    found = np.array([value is not None for value in told], dtype=bool)
    return np.array([0.0 if value is None else value for value in told], dtype=np.float64), found


def _plain_cells(column: Column) -> np.ndarray | None:
    """Return Python's numbers as an array, NaN for None; None unless each cell is one of these."""
    if not _are_numbers(column):
        return None
    try:
        return np.array(column, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # of a missing time; of a whole number that `number` makes infinite
        return None


def _are_numbers(column: Column) -> bool:
    """Return whether each cell is a number or missing, at a glance."""
    import pandas as pd

    cells = column.to_numpy() if isinstance(column, pd.Series) else column
    return pd.api.types.infer_dtype(cells, skipna=True) in NUMERIC


def _blank_text(chunk: Any) -> np.ndarray:
    offsets, content = _bytes(chunk)
    starts, found = offsets[:-1], offsets[1:] == offsets[:-1]
    filled = np.flatnonzero(~found)
    first = content[starts[filled]]
    # Only text that begins with a space or a control character can be blank; beyond ASCII, Python knows the signs.
    doubtful = filled[(first <= ord(" ")) | (first >= 127)]
    if len(doubtful):
        found[doubtful] = [blank(cell) for cell in chunk.take(doubtful).to_pylist()]
    return found


def _bytes(chunk: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return where each cell of a large_string array begins and ends [N + 1], and the bytes of all cells."""
    _, offsets, content = chunk.buffers()
    if not len(chunk):
        return np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
    ends = np.frombuffer(offsets, dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    whole = np.frombuffer(content, dtype=np.uint8) if content is not None else np.zeros(0, dtype=np.uint8)
    return ends - ends[0], whole[ends[0] : ends[-1]]
