"""Data in memory: (X, y), arrays by name, frames, lists of dicts, or {"train": (X, y), …}; also .npz and .npy files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.errors import DataError, UsageError, first_few, reason_of
from headstart.data.readers._cells import (
    LABEL_NAMES,
    cells_of,
    classes_of,
    frame_columns,
    is_frame,
    label_columns,
    one_hot,
    told_one_hot,
)
from headstart.data.readers._paths import Resolved, resolve_files
from headstart.data.readers._records import are_records, columns_of, file_cell
from headstart.data.tables import SPLITS, Tables, make_frame


@dataclass(frozen=True)
class Memory:
    """Read arrays, lists and frames; a list may hold a dict for each row, or a pair of an example and its label.

    Inputs are called x, labels label (label_0, label_1 … where there are several). Names of files are
    paths from the working folder.
    """

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a pair, a dict, a frame, a list of dicts or pairs, or the path of an .npz file."""
        if isinstance(data, str | Path):
            return Path(data).is_file() and Path(data).suffix.lower() in {".npz", ".npy"}
        return (
            is_frame(data)
            or _is_other_frame(data)
            or _is_pair(data)
            or (type(data) is dict and bool(data))
            or _are_rows(data)
            or isinstance(data, np.ndarray)
        )

    def read(self, data: Any) -> Tables:
        """Read to one frame a split.

        Args:
            data: What `matches` takes.

        Returns:
            The tables.

        Raises:
            DataError: Parts differ in length, or a file holds pickled objects, which are never loaded.
        """
        if isinstance(data, str | Path):
            data = _load(Path(data))
        parts, notes = _with_classes({split: _as_columns(part) for split, part in _parts(data).items()})
        found = {split: _columns(part, split) for split, part in parts.items()}
        hints = [labels for _, labels in found.values() if labels]
        return Tables(
            {split: make_frame(files.columns, ids) for split, ((files, ids), _) in found.items()},
            hints[0] if hints else (),
            tuple(dict.fromkeys([*notes, *(note for (files, _), _ in found.values() for note in files.notes)])),
            absent={name: error for (files, _), _ in found.values() for name, error in files.absent.items()},
            wrong=tuple(error for (files, _), _ in found.values() for error in files.wrong),
        )


def input_columns(x: Any) -> dict[str, Sequence[Any]]:
    """Make columns of inputs: vectors [N, D], images, texts, pairs of texts, or the columns of a frame.

    Args:
        x: N examples.

    Returns:
        Cells by column; one column `x` unless the examples bring columns of their own.

    Raises:
        DataError: The examples are of no known kind.
    """
    if is_frame(x):
        return frame_columns(x)
    if isinstance(x, dict):
        return {str(name): cells_of(cells) for name, cells in x.items()}
    cells = cells_of(x)
    if not cells:
        raise DataError("There are no examples: the inputs are empty.")
    if all(
        isinstance(cell, tuple | list) and len(cell) == 2 and all(isinstance(t, str) for t in cell) for cell in cells
    ):
        return {"text_a": [cell[0] for cell in cells], "text_b": [cell[1] for cell in cells]}
    if all(isinstance(cell, list | tuple) and not _mixed(cell) and not _of_words(cell) for cell in cells):
        return {"x": [np.asarray(cell, dtype=np.float64) for cell in cells]}
    return {"x": cells}


def _of_words(cell: Sequence[Any]) -> bool:
    """Return whether a cell is a list of words."""
    return bool(cell) and all(isinstance(word, str) for word in cell)


def _mixed(cell: Sequence[Any]) -> bool:
    """Return whether a cell holds an array beside what is none, such as samples of a sound with their rate."""
    arrays = [isinstance(part, np.ndarray) and part.ndim > 0 for part in cell]
    return any(arrays) and not all(arrays)


def is_table(data: Any) -> bool:
    """Return whether this is a whole table: a frame, or a pair of examples and labels."""
    return is_frame(data) or _is_other_frame(data) or _is_pair(data)


def _parts(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        return {"all": data}
    if all(str(key).lower() in SPLITS for key in data):
        return {SPLITS[str(key).lower()]: part for key, part in data.items()}
    splits = [str(key) for key in data if str(key).lower() in SPLITS]
    tables = [str(key) for key, part in data.items() if is_table(part)]
    if splits and len(tables) == len(data):
        others = first_few(map(repr, (name for name in tables if name not in splits)))
        raise UsageError(
            f"{others} beside {first_few(map(repr, splits))}: splits are called train, validation and test."
        )
    parts: dict[str, dict[str, Any]] = {}
    for key, cells in data.items():  # Keras names its arrays x_train, y_train, x_test, y_test
        found = re.fullmatch(r"(.+)_(train|val|valid|validation|test)", str(key))
        if not found:
            return {"all": data}
        parts.setdefault(SPLITS[found[2]], {})[found[1]] = cells
    return dict(parts)


def _with_classes(parts: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Put classes in the place of one-hot rows, where the labels of all splits are such rows; and say so."""
    labels = {split: y for split, part in parts.items() if (y := _labels_of(part)[1]) is not None}
    if not labels or not all(map(one_hot, labels.values())):
        return parts, []
    for split, y in labels.items():
        part, (key, _) = parts[split], _labels_of(parts[split])
        parts[split] = (part[0], classes_of(y)) if _is_pair(part) else {**part, key: classes_of(y)}
    return parts, [f"label: {told_one_hot(next(iter(labels.values())))}"]


def _labels_of(part: Any) -> tuple[Any, Any]:
    """Find the labels of a split, and under which name they stand in a dict."""
    if _is_pair(part):
        return None, part[1]
    named = [key for key in part if str(key).lower() in LABEL_NAMES][:1] if isinstance(part, dict) else []
    return (named[0], part[named[0]]) if named else (None, None)


def _columns(part: Any, split: str) -> tuple[tuple[Resolved, list[str]], tuple[str, ...]]:
    """Make the columns of a split, in which names of files are paths from here; the row names; the label columns."""
    key, y = _labels_of(part)
    labels = {} if y is None else label_columns(y, "label" if key is None else str(key))
    if _is_pair(part):
        inputs = input_columns(part[0])
    else:
        named = key is not None
        inputs = input_columns({name: cells for name, cells in part.items() if name != key} if named else part)
    columns = {**inputs, **labels}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(
            f"'{split}': the parts differ in length: {first_few(f'{n} has {c}' for n, c in lengths.items())}."
        )
    source = part[0] if _is_pair(part) else part
    index: Any = getattr(source, "index", None) if is_frame(source) else None
    names = list(index) if index is not None and index.is_unique else range(next(iter(lengths.values())))
    ids = [f"{split}[{name}]" for name in names]
    columns = {name: [file_cell(cell) for cell in cells] for name, cells in columns.items()}
    return (resolve_files(columns, ids, Path()), ids), tuple(labels)


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and not any(isinstance(part, str) for part in data)


def _is_other_frame(data: Any) -> bool:
    """Return whether this is a table of Arrow or polars."""
    return type(data).__module__.partition(".")[0] in {"pyarrow", "polars"} and hasattr(data, "to_pandas")


def _are_rows(data: Any) -> bool:
    """Return whether this is a list of rows: of dicts, or of pairs of an example and its label."""
    return isinstance(data, list) and bool(data) and (are_records(data) or all(map(_is_row, data)))


def _is_row(row: Any) -> bool:
    return isinstance(row, tuple) and len(row) == 2


def _as_columns(part: Any) -> Any:
    """Turn a table of another library, and a list of rows, into what is read by columns."""
    if _is_other_frame(part):
        return part.to_pandas()
    if not _are_rows(part):
        return part
    return columns_of(part) if are_records(part) else tuple(map(list, zip(*part, strict=True)))


def _load(path: Path) -> Mapping[str, np.ndarray] | np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except ValueError as error:
        raise DataError(
            f"{path} was not read: it holds pickled objects or is damaged, and unpickling can run "
            f"anyone's code ({error}). Save plain arrays of numbers or text."
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged: {reason_of(error)}. Is the file cut off?") from error
