"""Turn the paths in a table into files below the table's folder, and refuse every path that leads elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from headstart.core.cells import blank
from headstart.core.columns import as_text, blank_cells, cells_of, contents_of, matching_cells
from headstart.core.errors import DataError, Problem
from headstart.inputs import modalities, of_file


def resolve_files(columns: Mapping[str, Sequence[Any]], ids: Sequence[str], folder: Path) -> dict[str, Sequence[Any]]:
    """Turn the columns that hold names of files of a modality into columns of paths.

    Args:
        columns: Cells by column, lists or Arrow text.
        ids: The name of each row.
        folder: What the paths are relative to.

    Returns:
        The columns, others as they were; a column counts as files if most of its texts end as one modality's files do.

    Raises:
        DataError: A path is absolute, a URL, leads out of the folder, or there is no such file; all are listed.
    """
    problems: list[Problem] = []
    resolved = dict(columns)
    found: set[str] = set()
    for column, cells in columns.items():
        modality = _of_files(cells)
        if modality is not None:
            found.add(modality)
            resolved[column] = [
                None if blank(cell) else _resolve(cell, folder, modality, f"{row}, column '{column}'", problems)
                for cell, row in zip(cells_of(cells), ids, strict=True)
            ]
    if problems:
        raise DataError(f"{' and '.join(sorted(found)).capitalize()} paths cannot be used:", problems)
    return resolved


def _of_files(cells: Sequence[Any]) -> str | None:
    """Name the modality whose files most of the texts in a column name; None where there is none."""
    text = as_text(cells)
    if text is None:
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        near, count = texts, len(texts)
    else:
        near, count = _near_files(text), len(text) - int(blank_cells(text).sum())
    found = Counter(modality for modality in map(of_file, near) if modality)
    return next((modality for modality, own in found.items() if own * 2 > count), None)


def _near_files(text: Any) -> list[str]:
    """Return the cells of an Arrow array of text that may end as files of a modality do, and few others.

    Where each ending has a letter after f, as those of images have, a column of numbers is passed over at a glance.
    """
    import pyarrow as pa

    suffixes = sorted({suffix for kind in modalities().values() for suffix in kind.suffixes})
    lettered = all((_upper(np.frombuffer(suffix.encode(), dtype=np.uint8)) > ord("F")).any() for suffix in suffixes)
    if not suffixes or (lettered and not any((_upper(signs) > ord("F")).any() for signs in contents_of(text))):
        return []
    endings = f"({'|'.join(map(re.escape, suffixes))})$"
    return text.filter(pa.array(matching_cells(text, endings, ignore_case=True))).to_pylist()


def _upper(signs: np.ndarray) -> np.ndarray:
    """Turn small letters to capitals; digits, points and signs of numbers stay below the letter G."""
    return signs & 0xDF


def _resolve(cell: Any, folder: Path, modality: str, where: str, problems: list[Problem]) -> Path | None:
    text = str(cell)
    path = folder / text.replace("\0", "")
    inside = "paths are relative to the table's folder and stay inside it"
    if "\0" in text:
        problems.append(Problem(where, f"{text!r} holds a NUL"))
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):  # file://, https://, C:
        problems.append(Problem(where, f"'{text}' is a URL or names a drive", inside))
    elif PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute() or text.startswith("\\"):
        problems.append(Problem(where, f"'{text}' is absolute", inside))
    elif ".." in PureWindowsPath(text).parts:  # it divides at both slashes
        problems.append(Problem(where, f"'{text}' holds '..'", inside))
    elif of_file(text) != modality:
        an = "an" if modality[0] in "aeiou" else "a"
        problems.append(Problem(where, f"'{text}' is not the name of {an} {modality} file"))
    elif not path.resolve().is_relative_to(folder.resolve()):
        problems.append(Problem(where, f"'{text}' is a link that leads out of the folder", inside))
    elif not path.is_file():
        problems.append(Problem(where, f"there is no file '{text}'"))
    else:
        return path
    return None
