"""Texts as bytes: a label is [n] uint8 of UTF-8, an output a row of them that zeros fill up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

END = "\0"  # fills up, so that no text may hold it


def packed(text: str) -> np.ndarray:
    """Write a text as bytes, [n] uint8."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def filled(texts: Iterable[np.ndarray], width: int | None = None) -> np.ndarray:
    """Put texts below each other, [N, width] uint8; longer ones are cut. Without a width the longest has room."""
    rows = list(texts)
    most = max(1, *map(len, rows)) if width is None else width
    found = np.zeros((len(rows), most), dtype=np.uint8)
    for row, text in zip(found, rows, strict=True):
        row[: len(text)] = text[:most]
    return found


def texts_of(rows: Sequence[Any] | np.ndarray) -> list[str]:
    """Read texts from rows of bytes; a character of which a part was cut is left out."""
    return [
        np.asarray(row).astype(np.uint8).tobytes().decode("utf-8", errors="ignore").partition(END)[0] for row in rows
    ]
