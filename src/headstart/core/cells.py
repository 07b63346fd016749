"""The cells of a table one by one: what is missing or blank, what is a number, how a class is called, a hash."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime, time
from functools import lru_cache
from typing import Any
from unicodedata import category, normalize

import numpy as np

DIGEST = 32  # bytes of a hash
WHOLE = re.compile(r"-?(0|[1-9]\d{0,15})\.0")  # as a file has a whole number of a frame
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # categories of Unicode: control, format, separators


def missing(cell: Any) -> bool:
    """Return whether a cell is missing: None, NaN or pandas' NA. Blank text is not missing."""
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or type(cell).__name__ in {"NAType", "NaTType"}


def blank(cell: Any) -> bool:
    """Return whether a cell is missing or text without a visible sign: spaces, zero-width and control characters."""
    if not isinstance(cell, str):
        return missing(cell)
    return not cell.strip() or all(sign.isspace() or category(sign) in INVISIBLE for sign in cell)


def half(cell: Any) -> bool:
    """Return whether a cell is text with half of a surrogate pair, which no file can hold."""
    if not isinstance(cell, str) or cell.isascii():
        return False
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


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
    """Return the name of a class: text in Unicode's composed form, whole numbers without a point, as text too."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time():
        return value.date().isoformat()  # as a file has it
    name = normalize("NFC", str(value))
    return name[:-2] if WHOLE.fullmatch(name) else name


def digest(item: Any) -> bytes:
    """Compute the SHA-256 of what a cell holds; equal content gives equal hashes."""
    if isinstance(item, bytes):
        return hashlib.sha256(item).digest()
    if isinstance(item, np.ndarray):
        return hashlib.sha256(_kind_of_array(item.dtype, item.shape) + item.tobytes()).digest()
    return hashlib.sha256(repr(item).encode()).digest()


@lru_cache(maxsize=64)
def _kind_of_array(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """Write out a dtype and a shape; kept, as it takes longer than to hash a row of numbers."""
    return f"{dtype}{shape}".encode()
