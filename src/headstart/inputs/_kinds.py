"""What a column of a table holds, and whether it tells anything about its rows."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from headstart.core.cells import blank, number
from headstart.core.columns import Column, as_text, blank_cells, cells_of, numbers_of, plain_numbers

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
    cells = [cell for cell, there in zip(cells_of(column), filled, strict=True) if there]
    if date_form(cells):
        return "constant" if filled.all() and len(set(map(str, cells))) == 1 else "date"
    if not all(isinstance(cell, str | int | float) for cell in cells):
        return "other"
    texts = [str(cell) for cell in cells]
    distinct = len(set(texts))
    if distinct == 1 and filled.all():
        return "constant"
    if distinct <= max(2, len(texts) / 2) and mean_bytes(texts) <= LONGEST:
        return "category"
    return "text" if any(" " in text.strip() or not text.isascii() for text in texts) else "counter"


def names_rows(name: str) -> bool:
    """Return whether a column is called like one that names or counts the rows."""
    return bool(COUNTER.search(name.strip()) or COUNTER_CAMEL.search(name.strip()))


def is_dates(column: Column) -> bool:
    """Return whether a column holds dates."""
    return bool(date_form([cell for cell in cells_of(column) if not blank(cell)]))


def mean_bytes(texts: Sequence[str]) -> float:
    """Return how long texts are on average, in bytes of UTF-8."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / max(1, len(texts))


def blanks(column: Column) -> np.ndarray:
    """Return which cells are blank or hold a word for it, [N] bool."""
    text = as_text(column)
    if text is not None and plain_numbers(text) is not None:
        return np.zeros(len(text), dtype=bool)
    found, cells = blank_cells(column), cells_of(column)
    if found.all() or not any(isinstance(cell, str) for cell in cells):
        return found
    words = [isinstance(cell, str) and cell.strip().lower() in BLANK_WORDS for cell in cells]
    return found | np.array(words, dtype=bool)


def read_numbers(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Read a column as numbers, "true" and "false" as 1 and 0: the numbers [N], and which cells are some, [N] bool."""
    values, found = numbers_of(column)
    if found.all():
        return values, found
    values, found = values.copy(), found.copy()
    cells = cells_of(column)
    for place in np.flatnonzero(~found):
        flag = YES_NO.get(cells[place].strip().lower()) if isinstance(cells[place], str) else None
        if flag is not None:
            values[place], found[place] = flag, True
    return values, found


def date_form(cells: Sequence[Any]) -> str:
    """Find how the dates of a column are written; "" where it holds none. No cell is blank."""
    if not cells or not all(isinstance(cell, str | datetime.date) for cell in cells[:SAMPLE]):
        return ""
    if any(number(cell) is not None for cell in cells[:SAMPLE]):
        return ""
    few = cells[:SAMPLE]
    for form in FORMS:
        if np.isfinite(read_dates(few, form)).sum() >= MOST * len(few):
            rest = np.isfinite(read_dates(cells, form))
            if rest.sum() >= MOST * len(cells):
                return form
    return ""


def read_dates(cells: Sequence[Any], form: str) -> np.ndarray:
    """Read cells as days since 1970, [N] float64; NaN where a cell is no date of this form."""
    import pandas as pd

    texts = [cell.isoformat() if isinstance(cell, datetime.date) else cell for cell in cells]
    written = pd.Series([t.strip() if isinstance(t, str) else None for t in texts], dtype=object)
    given = ["ISO8601" if isinstance(cell, datetime.date) else form for cell in cells]
    days = np.full(len(written), np.nan)
    for each in dict.fromkeys(given):
        places = np.array([one == each for one in given], dtype=bool)
        found: Any = pd.to_datetime(written[places], format=each, errors="coerce", utc=True)
        days[places] = ((found - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)
    return days


def _kind_of_numbers(name: str, values: np.ndarray, *, whole: bool) -> Kind:
    if whole and len(values) > 1 and (values == values[0]).all():
        return "constant"
    if len(np.unique(values)) < len(values) or (values != np.round(values)).any():
        return "number"
    counted = len(values) >= LEAST_COUNTED and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    return "counter" if counted or names_rows(name) else "number"
