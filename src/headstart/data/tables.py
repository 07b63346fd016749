"""What a reader returns: one pandas frame a split, every row with its own name."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.errors import BadRows, DataError, Problem

if TYPE_CHECKING:
    import pandas as pd

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "unlabelled": "unlabelled",
    "unlabeled": "unlabelled",
    "unsupervised": "unlabelled",
}

DOMAIN = "domain"  # the column that says which domain a row is of
PARENT = "parent"  # the column of the parents of classes, where folders hold the folders of classes
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__")  # the index of a frame, in a file


@dataclass(frozen=True)
class Tables:
    """Frames by split: "train", "validation", "test", or "all" where no split was given; "unlabelled" beside them.

    Each frame's index names its rows ("train/ants/1.jpg", "train.csv:17"), each name once. Cells are
    text, numbers, lists, arrays or images (a `Path`, bytes, a PIL image, an array); None is missing. Columns hold
    Python objects, but for those of text from CSV files, which hold Arrow text (pandas' `str`) and no missing cell.
    labels_hint: label columns that the reader is sure of. notes: what was left out, in words.
    asides: columns that are neither label nor input unless they are named. absent: why a column cannot be an input
    whose cells name files, none of which is there. wrong: rows that name files which are not there, and files that
    can be no rows but ought to be.
    """

    splits: Mapping[str, pd.DataFrame]
    labels_hint: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()
    absent: Mapping[str, DataError] = field(default_factory=dict)
    wrong: tuple[BadRows, ...] = ()

    def names(self) -> list[str]:
        """Return the names of all rows, the wrong ones that are in no frame too."""
        there = (str(row) for frame in self.splits.values() for row in frame.index)
        return list(dict.fromkeys([*there, *(row for error in self.wrong for row in error.rows)]))

    def by_split_column(self) -> Tables:
        """Divide the rows of "all" by a column named `split`, if it holds nothing but names of splits."""
        whole = self.splits.get("all")
        if whole is None or "split" not in whole.columns:
            return self
        written = [str(cell) for cell in whole["split"]]
        known = {cell: split_name(cell) for cell in dict.fromkeys(written)}
        names = [known[cell] for cell in written]
        if any(name is None for name in names) or "train" not in names:
            return self
        rest = whole.drop(columns="split")
        found = {name: rest[[n == name for n in names]] for name in dict.fromkeys(SPLITS.values()) if name in names}
        return replace(self, splits=found, notes=(*self.notes, "splits: taken from the column 'split'"))


def split_name(name: str) -> str | None:
    """Return the split that a name stands for: "val" and "dev.csv" are "validation"; None if it names none."""
    words = split_words(name)
    return SPLITS[words[0]] if len(words) == 1 else None


def split_words(name: str) -> tuple[str, ...]:
    """Return the words in a name that stand for splits."""
    return tuple(word for word in re.split(r"[^a-z]+", name.lower()) if word in SPLITS)


def splits_of(names: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Find which tables of a folder are splits.

    A name is one for sure where nothing but numbers are set off from the word: "train", "test-00000-of-00001". Others
    ("imdb_test", "test15") count beside training rows, where no table is that split for sure.

    Args:
        names: The names of the tables, without their endings.

    Returns:
        The split by name, for those that are one; the names that count although they are more than the word.
    """
    known = {name: split for name in names if (split := split_name(name))}
    sure = {name: split for name, split in known.items() if re.fullmatch(r"[a-z]+([-_. ]+(\d+|of))*", name.lower())}
    others = {name: split for name, split in known.items() if split not in sure.values()}
    if len({*sure.values(), *others.values()}) < 2 or "train" not in {*sure.values(), *others.values()}:
        others = {}
    return {name: split for name, split in known.items() if name in sure or name in others}, tuple(others)


def make_frame(columns: Mapping[str, Iterable[Any]], ids: Sequence[str]) -> pd.DataFrame:
    """Make a frame in which no cell is turned into another type on the way.

    Args:
        columns: Cells by column; an Arrow array of text without missing cells stays one, to save memory.
        ids: The name of each row.

    Returns:
        The frame. Columns have the dtype object and hold the very objects that were given, None as None, but NumPy's
        scalars as Python's; Arrow text has pandas' dtype `str`.
    """
    import pandas as pd

    index = pd.Index(list(ids), dtype=object)
    return pd.DataFrame({name: _series(cells, index) for name, cells in columns.items()}, index=index)


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put frames below each other; a column that one of them lacks is missing there.

    Args:
        frames: At least one frame.

    Returns:
        One frame with the rows of all.

    Raises:
        DataError: A row name occurs twice.
    """
    names = list(dict.fromkeys(str(name) for frame in frames for name in frame.columns))
    ids = [row for frame in frames for row in frame.index]
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = [row for row in ids if row in seen or seen.add(row)]
        raise DataError("Rows have the same name:", [Problem(row, "occurs twice") for row in twice])
    if len(frames) == 1:
        return frames[0]
    import pandas as pd

    index = pd.Index(ids, dtype=object)
    columns = {}
    for name in names:
        parts = [f[name] if name in f.columns else pd.Series([None] * len(f), dtype=object) for f in frames]
        columns[name] = pd.concat(parts, ignore_index=True).set_axis(index)
    return pd.DataFrame(columns, index=index)


def _plain(cell: Any) -> Any:
    """Make of a decimal number, a period or a span of time what a CSV file of the same cells would hold."""
    import pandas as pd

    if isinstance(cell, datetime.timedelta):
        return str(pd.Timedelta(cell))
    if not isinstance(cell, Decimal):
        return str(cell)
    exponent = cell.as_tuple().exponent
    return int(cell) if isinstance(exponent, int) and exponent >= 0 else float(cell)


def _series(cells: Iterable[Any], index: pd.Index) -> pd.Series:
    import pandas as pd
    import pyarrow as pa

    if isinstance(cells, pa.ChunkedArray):
        text: Any = pd.StringDtype("pyarrow", na_value=np.nan)
        return pd.Series(text.__from_arrow__(cells), index=index)
    # One by one, as NumPy would stack arrays of equal shape.
    objects = [cell.item() if isinstance(cell, np.generic) else cell for cell in cells]
    for kind in {type(cell) for cell in objects} & {Decimal, pd.Period, pd.Timedelta, datetime.timedelta}:
        objects = [_plain(cell) if isinstance(cell, kind) else cell for cell in objects]
    return pd.Series(np.fromiter(objects, dtype=object, count=len(objects)), index=index, dtype=object)
