"""Cells of a label column that may be meant otherwise: several labels in one, lists and amounts written as text."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from headstart.core.cells import number
from headstart.core.interface import option

SIGNS = ("|", ";", ",", "/", "&", "+", " ")  # that stand between labels
AMOUNT = re.compile(
    r"[-+(]?\s*[$€£¥₹]?\s*[-+]?(\d{1,3}([,.' ]\d{3})+|\d+)([.,]\d+)?\s*(?P<unit>[$€£¥₹%]|[A-Za-z°²³/]{1,6})?\)?"
)
LOOKED_AT = 2000  # different cells
MOST = 0.9  # share of the cells that decides


def written_list(cell: Any) -> list[Any] | None:
    """Read a list that is written as text, by Python, JSON or NumPy; None where a cell is none."""
    if not isinstance(cell, str) or not re.fullmatch(r"\[.*\]|\(.*\)|\{.*\}", cell.strip(), re.DOTALL):
        return None
    text = re.sub(r"(['\"])\s+(?=['\"])", r"\1, ", cell.strip())  # NumPy writes no commas
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    plain = isinstance(found, list | tuple | set) and all(isinstance(one, str | int | float) for one in found)
    return list(found) if plain else None


def several(cells: Iterable[Any]) -> str:
    """Return the sign that seems to stand between several labels in the cells of a column; "" where there is none.

    There are fewer labels than different cells then, and most labels stand in more than one of them.
    """
    distinct = {cell for cell in cells if isinstance(cell, str)}
    for sign in SIGNS:
        parts = [{part.strip() for part in cell.split(sign) if part.strip()} for cell in distinct]
        times = Counter(part for cell in parts for part in cell)
        shared = sum(found > 1 for found in times.values())
        if any(len(cell) > 1 for cell in parts) and len(times) < min(len(distinct), 2 * shared):
            return sign
    return ""


def amount(cells: Sequence[Any]) -> str:
    """Return a cell that shows how the numbers of a column are written, where most are amounts such as "$1,200"."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    found = [AMOUNT.fullmatch(text) for text in texts if number(text) is None]
    amounts = [match for match in found if match]
    units = {match["unit"] for match in amounts}
    if not amounts or len(units) > 1 or len(amounts) + len(texts) - len(found) < MOST * len(cells):
        return ""
    return amounts[0][0]


def hint(cells: Sequence[Any]) -> str:
    """Say what the cells of a label column seem to be, and the option for it; "" where there is no doubt."""
    cells = list(islice(dict.fromkeys(cell for cell in cells if isinstance(cell, str)), LOOKED_AT))
    example = amount(cells)
    if example:
        return f"cells such as '{example}' seem to be numbers: write them plainly, as 1200.5"
    sign = several(cells)
    if sign:
        example = next(cell for cell in cells if isinstance(cell, str) and sign in cell.strip())
        return f"cells such as '{example}' seem to hold several labels: {option('separator', sign)}"
    return ""
