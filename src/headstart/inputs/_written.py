"""Numbers that are not written plainly: a decimal comma, thousands set off, a sign of money or per cent, spans of time.

A column is read so where every cell is written alike and there is one way to read them. The form is kept with the
column, so that one cell alone is read as in training: "1.234" is 1234 in a column of decimal commas.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from headstart.core.cells import number

SPAN = "span"  # the form of spans of time, read as days: "3 days 02:44:00", as pandas writes them
POINT_MONEY = "$£"  # whose countries write a decimal point
SIGNS = re.compile(r"([-+]?)\s*([$€£¥₹]?)\s*([-+]?)\s*(\d.*?)\s*([$€£¥₹%]?)")
GROUPS = {
    ",": r"[. '\u00a0\u202f\u2019]",
    ".": r"[, '\u00a0\u202f\u2019]",
}  # by the decimal sign: what sets thousands off
BODY = {
    decimal: re.compile(rf"([1-9]\d{{0,2}}(?:({sign})\d{{3}})(?:\2\d{{3}})*|\d+)(?:{re.escape(decimal)}(\d+))?")
    for decimal, sign in GROUPS.items()
}
SPANS = re.compile(r"(-?\d+) days?(?:,? ([-+]?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?")
LEAST_SURE = 0.1  # share of the cells that can be read in one way alone, where the others can be read in two
SAMPLE = 200  # cells that are looked at first


def number_form(cells: Sequence[Any]) -> str:
    """Find how the numbers of a column are written.

    Args:
        cells: The different cells, none of them blank.

    Returns:
        `SPAN`, or the decimal sign and then the sign of the unit, if any: ",", ".%"; "" where cells are no numbers, are
        written in several ways, or may be read in two.
    """
    if not may_be_numbers(cells[:SAMPLE]):
        return ""
    forms = _fitting(cells)
    if len(forms) < 2:
        return forms[0] if forms and _is_sure(cells, forms[0]) else ""
    values = [[read_number(cell, form) for cell in cells] for form in forms]
    if values[0] == values[1]:
        return forms[1]
    money = forms[1][1:] in {*POINT_MONEY} and not any(re.search(r"\.\d{3}\D*$", cell) for cell in cells)
    return forms[1] if money else ""


def may_be_numbers(few: Sequence[Any]) -> bool:
    """Return whether the first cells of a column are text, and numbers in one form."""
    return bool(few) and all(isinstance(cell, str) for cell in few) and any(_fitting(few))


def readings(cells: Sequence[Any]) -> list[float]:
    """Return both numbers that the first doubtful cell of a column may be; [] where there is no doubt."""
    forms = _fitting(cells) if cells and not number_form(cells) else []
    pairs = ([read_number(cell, form) for form in forms] for cell in cells)
    return next(([v for v in pair if v is not None] for pair in pairs if len({*pair}) > 1), [])


def read_number(cell: Any, form: str) -> float | None:
    """Read a cell that is written in a form, or is a number and no text; None where it is neither."""
    if not isinstance(cell, str):
        return number(cell)
    if form == SPAN:
        return _days(cell)
    found = SIGNS.fullmatch(cell.strip())
    body = BODY[form[0]].fullmatch(found[4]) if found else None
    if not found or not body or found[2] + found[5] != form[1:] or (found[1] and found[3]):
        return None
    whole = re.sub(r"\D", "", body[1])
    value = float(f"{whole}.{body[3] or 0}")
    return -value if "-" in found[1] + found[3] else value


def describe_form(cell: str, form: str) -> str:
    """Write what a cell of a form is, and how the form is read: "1234.5: a decimal comma"."""
    value = read_number(cell, form)
    if form == SPAN:
        how = "spans of time, in days"
    else:
        how = "a decimal comma" if form[0] == "," else "a decimal point, if any"
        how += f", without the {form[1:]}" if form[1:] else ""
    return how if value is None else f"{value:.10g}: {how}"


def _fitting(cells: Sequence[Any]) -> list[str]:
    """Return the forms in which every cell can be read: with a decimal comma first."""
    first = cells[0].strip() if isinstance(cells[0], str) else ""
    unit = "".join(re.findall(r"[$€£¥₹%]", first))
    candidates = [SPAN] if "day" in first else [f",{unit}", f".{unit}"]
    return [form for form in candidates if all(read_number(cell, form) is not None for cell in cells)]


def _is_sure(cells: Sequence[Any], form: str) -> bool:
    """Return whether enough cells can be read in this form alone."""
    if form == SPAN:
        return True
    other = {",": ".", ".": ","}[form[0]] + form[1:]
    sure = sum(read_number(cell, other) is None for cell in cells)
    return sure >= LEAST_SURE * len(cells)


def _days(cell: str) -> float | None:
    found = SPANS.fullmatch(cell.strip())
    if not found:
        return None
    hours = sum(float(part) / size for part, size in zip(found.groups()[2:], (24, 1440, 86400), strict=True) if part)
    return float(found[1]) + (-hours if found[2] == "-" else hours)
