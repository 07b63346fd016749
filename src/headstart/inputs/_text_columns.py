"""Which columns of a table are the texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.cells import blank
from headstart.core.columns import Column, as_text, blank_cells, cells_of, distinct, missing_cells
from headstart.core.errors import BadRows, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.packed import Packed, packed
from headstart.inputs._kinds import LONG, TAKEN, is_dates, kind, mean_bytes
from headstart.inputs._words import joined

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("text", "texts", "sentence", "content", "review", "title", "question", "document")
PAIR_NAMES = (
    ("question", "context"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text_a", "text_b"),
    ("text1", "text2"),
)
WORD_LISTS = ("tokens", "words")  # usual names of columns of lists of words
FEATURES = 3  # columns of numbers, dates or categories from which on a table is one of them


def columns_of_text(frame: pd.DataFrame, own: Sequence[str]) -> tuple[str, ...]:
    """Choose a usual pair of names, else a usual name, else one or two columns of free text.

    Lists of words are chosen where no column has a usual name of texts. Beside three columns or more of numbers, dates
    or categories only long text counts: names of people or things do not make a table one of texts.

    Args:
        frame: The columns beside the labels.
        own: The columns that hold text.

    Returns:
        One column or two; () where there are none.

    Raises:
        UsageError: More than two columns hold free text.
    """
    lists = [name for name in own if any(map(is_words, frame[name][:1]))]
    own = [name for name in own if name not in lists]
    if lists and not any(name.strip().lower() in NAMES for name in own):
        return tuple(name for name in lists if len(lists) == 1 or name.strip().lower() in WORD_LISTS)[:1]
    if len(frame.columns) > 1:
        own = [name for name in own if not is_dates(frame[name])]
    if len(frame.columns) >= FEATURES and own:
        others = [name for name in map(str, frame.columns) if kind(name, frame[name]) in TAKEN]
        if len(set(others)) >= FEATURES:
            own = [name for name in own if _is_long(frame[name])]
    usual = {name.strip().lower(): name for name in own}
    for first, second in PAIR_NAMES:
        if first in usual and second in usual:
            return usual[first], usual[second]
    for name in NAMES:
        if name in usual:
            return (usual[name],)
    free = [name for name in own if _is_free_text(frame[name])]
    if len(free) > 2:
        pair = f"Name one, or two as a pair, with {option('input')}."
        raise UsageError(f"{len(free)} columns hold text: {first_few(free)}. {pair}")
    return tuple(free or (own if len(frame.columns) == 1 else []))


def texts_of(frame: pd.DataFrame, columns: Sequence[str]) -> Sequence[Any]:
    """Take the cells of one column as texts, or of two as pairs of texts.

    Args:
        frame: Cells by column, each row under its name.
        columns: One, or two for pairs.

    Returns:
        Texts, or pairs of texts.

    Raises:
        UsageError: There are more than two columns.
        DataError: Cells are missing, blank or no text; all are listed.
    """
    if len(columns) not in {1, 2}:
        raise UsageError(
            f"A text task has one input column or two, a pair; {len(columns)} are named: {first_few(columns)}."
        )
    problems = []
    texts: list[Sequence[str]] = []
    for column in columns:
        if as_text(frame[column]) is None and any(map(is_words, cells_of(frame[column]))):
            frame = frame.assign(**{column: [joined(cell) if is_words(cell) else cell for cell in frame[column]]})
        known = as_text(frame[column])
        cells = cells_of(frame[column]) if known is None else Packed.of_column(known)
        doubtful = range(len(cells)) if known is None else np.flatnonzero(blank_cells(known)).tolist()
        problems += [
            Problem(f"{frame.index[row]}, column '{column}'", what, "give the text, or delete the row")
            for row in doubtful
            if (what := _wrong(cells[row]))
        ]
        texts.append(packed(map(str, cells)) if known is None else cells)
    if problems:
        raise BadRows("Inputs that are not text:", problems)
    return texts[0] if len(columns) == 1 else list(zip(*texts, strict=True))


def is_words(cell: Any) -> bool:
    """Return whether a cell is a list of words."""
    return isinstance(cell, list | tuple) and len(cell) > 0 and all(isinstance(word, str) for word in cell)


def _wrong(cell: Any) -> str:
    """Say why a cell is no text; "" where it is one."""
    if blank(cell):
        return "has no text"
    if isinstance(cell, list | tuple) and not cell:
        return "has no word"
    if not isinstance(cell, str | int | float | Path):
        return f"holds {type(cell).__name__}, not text"
    return ""


def _is_free_text(column: Column) -> bool:
    """Distinguish sentences from categories (few different values) and from codes (no spaces, plain letters)."""
    texts, counts = _counted(column, ~blank_cells(column))
    worded = sum(count for text, count in zip(texts, counts, strict=True) if not text.isascii() or " " in text.strip())
    return len(set(texts)) > max(1, 0.2 * counts.sum()) and worded > 0.1 * counts.sum()


def _is_long(column: Column) -> bool:
    """Distinguish texts from names."""
    return mean_bytes(*_counted(column, ~missing_cells(column))) >= LONG


def _counted(column: Column, kept: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the different texts of the cells that are kept, and how often each is there."""
    cells, places = distinct(column)
    counts = np.bincount(places[kept], minlength=len(cells))
    return [str(cell) for cell in compress(cells, counts)], counts[counts > 0]
