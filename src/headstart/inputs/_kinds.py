"""What a column of a table holds, and whether it tells anything about its rows."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from itertools import compress
from typing import Any, Literal

import numpy as np

from headstart.core.cells import blank, number
from headstart.core.columns import (
    PLAIN,
    Column,
    as_text,
    blank_cells,
    cells_of,
    distinct,
    has_text,
    matching_cells,
    numbers_of,
    plain_numbers,
    wordy_cells,
)
from headstart.inputs._written import may_be_numbers, number_form, read_number

Kind = Literal["number", "date", "category", "counter", "constant", "blank", "text", "other"]
TAKEN: tuple[Kind, ...] = ("number", "date", "category")  # what numbers are made of
WHY_NOT: dict[Kind, str] = {
    "counter": "tells each row by its own value",
    "constant": "the same in every row",
    "blank": "blank in every row",
    "text": "text that seldom repeats",
    "other": "neither numbers, dates nor categories",
}
BLANK_WORDS = frozenset({"na", "n/a", "nan", "null", "?", "-"})  # for a blank cell among numbers and dates
YES_NO = {"true": 1.0, "false": 0.0}
MOST = 0.9  # share of the filled cells that decides; the rest is wrong and is reported
COUNTER = re.compile(r"(?:^|[^a-z])(?:id|idx|index|row|rowid|key|uuid|guid)$|^unnamed: 0$|^$|^rowid$", re.IGNORECASE)
COUNTER_CAMEL = re.compile(r"[a-z]I[dD]$")
LEAST_COUNTED = 10  # rows from which on 0, 1, 2 … is no accident
LONGEST_DATE = 40  # characters, with nanoseconds and a zone
FORMS = ("ISO8601", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M", "%d %b %Y", "%b %d, %Y")
SAMPLE = 200  # cells in which a form of dates is looked for first
LONGEST = 60  # bytes of a category, on average
LONG = 40  # bytes from which on text is more than a name, on average; a sign of Chinese has three


def kind(name: str, column: Column) -> Kind:
    """Find what a column of a table holds.

    Args:
        name: Of the column; some names say that it counts the rows.
        column: The cells.

    Returns:
        "number", "date" or "category", or why nothing is made of it.
    """
    filled = ~blanks(column)
    if not filled.any():
        return "blank"
    values, are_numbers = read_numbers(column)
    right = are_numbers & filled
    if right.sum() >= MOST * filled.sum():
        return _kind_of_numbers(name, values[right], whole=bool(filled.all()))
    different, places = distinct(column)
    counts = np.bincount(places[filled], minlength=len(different))
    cells = list(compress(different, counts))
    texts, count = [str(cell) for cell in cells], int(filled.sum())
    several = len(set(texts))
    if _form(different, places[filled]):
        return "constant" if filled.all() and several == 1 else "date"
    if form := number_form(cells):
        values = np.array([read_number(cell, form) for cell in different], dtype=np.float64)[places[filled]]
        return _kind_of_numbers(name, values, whole=bool(filled.all()))
    if not all(isinstance(cell, str | int | float) for cell in cells):
        return "other"
    if several == 1 and filled.all():
        return "constant"
    if several <= max(2, count / 2) and mean_bytes(texts, counts[counts > 0]) <= LONGEST:
        return "category"
    return "text" if any(" " in text.strip() or not text.isascii() for text in texts) else "counter"


def names_rows(name: str) -> bool:
    """Return whether a column is called like one that names or counts the rows."""
    return bool(COUNTER.search(name.strip()) or COUNTER_CAMEL.search(name.strip()))


def is_dates(column: Column) -> bool:
    """Return whether a column holds dates."""
    filled = np.flatnonzero(~blank_cells(column))
    first = set(filled[:SAMPLE].tolist())
    few = [cell for place, cell in enumerate(cells_of(column[: max(first, default=-1) + 1])) if place in first]
    if not _forms_of_few(few):
        return False
    cells, places = distinct(column)
    return bool(_form(cells, places[filled]))


def mean_bytes(texts: Sequence[str], counts: np.ndarray) -> float:
    """Return how long texts are on average, in bytes of UTF-8, each as often as it counts."""
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    return float(np.dot(sizes, counts)) / max(1, int(counts.sum()))


def blanks(column: Column) -> np.ndarray:
    """Return which cells are blank or hold a word for it, [N] bool."""
    text = as_text(column)
    if text is None:
        if not has_text(column):
            return blank_cells(column)
        cells, places = distinct(column)
        return np.array([_is_blank(cell) for cell in cells], dtype=bool)[places]
    import pyarrow as pa

    found = np.zeros(len(text), dtype=bool)
    if plain_numbers(text) is None:
        others = ~matching_cells(text, PLAIN) & ~wordy_cells(text)
        cells, places = distinct(text.filter(pa.array(others)))
        found[others] = np.array([_is_blank(cell) for cell in cells], dtype=bool)[places]
    return found


def written_form(column: Column) -> str:
    """Return the form in which a column writes numbers, none of them plainly; "" where it holds none."""
    first = [cell for cell in distinct(column[: 2 * SAMPLE])[0] if not _is_blank(cell)]
    if len(first) >= SAMPLE and not may_be_numbers(first[:SAMPLE]):
        return ""  # the rest need not be looked at
    filled = ~blanks(column)
    if (read_numbers(column)[1] & filled).sum() >= MOST * filled.sum():
        return ""
    return number_form([cell for cell in distinct(column)[0] if not _is_blank(cell)])


def read_written(column: Column, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a column whose numbers are written in a form: the numbers [N], and which cells are some, [N] bool."""
    cells, places = distinct(column)
    values = [read_number(cell, form) for cell in cells]
    found = np.array([value is not None for value in values], dtype=bool)
    return np.array([value or 0.0 for value in values], dtype=np.float64)[places], found[places]


def read_numbers(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Read a column as numbers, "true" and "false" as 1 and 0: the numbers [N], and which cells are some, [N] bool."""
    return numbers_of(column, _number_or_flag)


def date_form(cells: Sequence[Any]) -> str:
    """Find how the dates of a column are written; "" where it holds none. No cell is blank."""
    return _form(*distinct(cells))


def read_dates(cells: Sequence[Any], form: str) -> np.ndarray:
    """Read cells as days since 1970, [N] float64; NaN where a cell is no date of this form."""
    import pandas as pd

    cells, places = distinct(cells)
    texts = [cell.isoformat() if isinstance(cell, datetime.date) else cell for cell in cells]
    written = pd.Series([t.strip() if isinstance(t, str) else None for t in texts], dtype=object)
    given = ["ISO8601" if isinstance(cell, datetime.date) else form for cell in cells]
    days = np.full(len(written), np.nan)
    for each in dict.fromkeys(given):
        these = np.array([one == each for one in given], dtype=bool)
        found: Any = pd.to_datetime(written[these], format=each, errors="coerce", utc=True)
        days[these] = ((found - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)
    return days[places]


def _form(cells: Sequence[Any], places: np.ndarray) -> str:
    """Find how dates are written of which the cells are the different ones; `places` has those of all rows, [N]."""
    for form in _forms_of_few([cells[place] for place in places[:SAMPLE]]):
        right = np.isfinite(read_dates(cells, form))[places]
        if right.sum() >= MOST * len(places):
            return form
    return ""


def _forms_of_few(few: Sequence[Any]) -> list[str]:
    """Return the forms in which nearly all of the first cells are dates."""
    different = dict.fromkeys(few) if all(isinstance(cell, str | datetime.date) for cell in few) else {}
    if not different or any(number(cell) is not None for cell in different):
        return []
    if sum(map(_may_be_date, few)) < MOST * len(few):
        return []
    return [form for form in FORMS if np.isfinite(read_dates(few, form)).sum() >= MOST * len(few)]


def _may_be_date(cell: Any) -> bool:
    """Return whether a cell is short and has a digit, which is known without trying each form."""
    return not isinstance(cell, str) or (len(cell.strip()) <= LONGEST_DATE and any(map(str.isdigit, cell)))


def _is_blank(cell: Any) -> bool:
    return blank(cell) or (isinstance(cell, str) and cell.strip().lower() in BLANK_WORDS)


def _number_or_flag(cell: Any) -> float | None:
    found = number(cell)
    return YES_NO.get(cell.strip().lower()) if found is None and isinstance(cell, str) else found


def _kind_of_numbers(name: str, values: np.ndarray, *, whole: bool) -> Kind:
    if whole and len(values) > 1 and (values == values[0]).all():
        return "constant"
    if len(np.unique(values)) < len(values) or (values != np.round(values)).any():
        return "number"
    counted = len(values) >= LEAST_COUNTED and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    return "counter" if counted or names_rows(name) else "number"
