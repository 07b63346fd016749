"""Pieces of sounds: rows of a table that say from which second to which a recording is meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.cells import blank, number
from headstart.core.columns import cells_of
from headstart.core.counting import counted
from headstart.core.errors import Problem
from headstart.core.interface import option
from headstart.inputs._sound import Piece

if TYPE_CHECKING:
    import pandas as pd

ENDS = ("start", "end")  # columns of the seconds at which pieces begin and end


def read_pieces(frame: pd.DataFrame, items: Sequence[Any]) -> tuple[list[Any], list[Problem]]:
    """Read where pieces begin and end: blank cells are the ends of the sound.

    Args:
        frame: Has one of the columns `start` and `end`, or both, each row under its name.
        items: The sounds.

    Returns:
        Pieces, and the sounds that are meant as a whole; and what is wrong with some.
    """
    cells = [cells_of(frame[name]) if name in frame else [None] * len(frame) for name in ENDS]
    made, problems = [], []
    for row, item, *found in zip(frame.index, items, *cells, strict=True):
        seconds = [None if blank(cell) else number(cell) for cell in found]
        wrong = [
            Problem(f"{row}, column '{name}'", "holds no seconds from 0 on")
            for name, cell, value in zip(ENDS, found, seconds, strict=True)
            if not blank(cell) and (value is None or not 0 <= value < math.inf)
        ]
        start, end = seconds[0] or 0.0, seconds[1]
        if not wrong and end is not None and end <= start:
            wrong.append(Problem(str(row), f"ends at {end:g} s and starts at {start:g} s"))
        problems += wrong
        made.append(item if seconds == [None, None] else Piece(item, start, end))
    return made, problems


def told_recordings(items: Sequence[Any]) -> list[str]:
    """Tell that rows are pieces of fewer files, which a split may tear apart."""
    files = [item.whole for item in items if isinstance(item, Piece) and isinstance(item.whole, Path)]
    many = len(set(files))
    if many == len(files):
        return []
    kept = f"{option('group', 'COLUMN')} keeps those of one on one side of every split"
    return [f"{counted(len(files), 'sounds')} are pieces of {many:,} files: {kept}"]
