"""A value in a few words: what it is, its shape and its range."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_CHARACTERS = 60  # of a text
MOST_PARTS = 6  # of a table or a pair


def told(value: Any) -> str:
    """Describe a value for a person: "[3, 224, 224] float32, -2.1 to 2.6".

    Args:
        value: An array, a tensor, a text, a path, a table of these, or anything else.

    Returns:
        One line.
    """
    if isinstance(value, Path):
        return f"{value}, {value.stat().st_size:,} bytes" if value.is_file() else str(value)
    if isinstance(value, str):
        shown = value if len(value) <= MOST_CHARACTERS else value[:MOST_CHARACTERS] + "…"
        return f"'{shown}', {len(value):,} characters"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, Mapping):
        parts = [f"{name} {told(part)}" for name, part in value.items()]
        return "; ".join([*parts[:MOST_PARTS], *(["…"] if len(parts) > MOST_PARTS else [])])
    shape = getattr(value, "shape", None)
    if shape is not None:
        return _array(value, shape)
    if isinstance(value, tuple) and value and all(isinstance(part, str | Mapping) for part in value):
        return " | ".join(told(part) for part in value[:MOST_PARTS])
    if isinstance(value, list | tuple):
        return f"{len(value):,} values"
    size, mode = getattr(value, "size", None), getattr(value, "mode", None)
    if isinstance(size, tuple) and isinstance(mode, str):  # of a picture
        return f"{size[0]} x {size[1]}, {mode}"
    return type(value).__name__


def _array(value: Any, shape: Any) -> str:
    kind = str(value.dtype).rpartition(".")[2]
    text = f"[{', '.join(map(str, shape))}] {kind}"
    if 0 in tuple(shape) or kind == "object":
        return text
    low, high = float(value.min()), float(value.max())
    return f"{text}, {low:.4g} to {high:.4g}"
