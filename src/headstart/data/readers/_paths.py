"""Turn the paths in a table into files below the table's folder, and refuse every path that leads elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from headstart.core.errors import DataError, Problem
from headstart.data.tables import blank
from headstart.inputs import of_file


def resolve_files(columns: Mapping[str, Sequence[Any]], ids: Sequence[str], folder: Path) -> dict[str, list[Any]]:
    """Turn the columns that hold names of files of a modality into columns of paths.

    Args:
        columns: Cells by column.
        ids: The name of each row.
        folder: What the paths are relative to.

    Returns:
        The columns; a column counts as files if most of its texts end as one modality's files do.

    Raises:
        DataError: A path is absolute, a URL, leads out of the folder, or there is no such file; all are listed.
    """
    problems: list[Problem] = []
    resolved = {}
    found: set[str] = set()
    for column, cells in columns.items():
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        modality, count = Counter(map(of_file, texts)).most_common(1)[0] if texts else (None, 0)
        if modality is not None and count * 2 > len(texts):
            found.add(modality)
            resolved[column] = [
                None if blank(cell) else _resolve(cell, folder, modality, f"{row}, column '{column}'", problems)
                for cell, row in zip(cells, ids, strict=True)
            ]
        else:
            resolved[column] = list(cells)
    if problems:
        raise DataError(f"{' and '.join(sorted(found)).capitalize()} paths cannot be used:", problems)
    return resolved


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
