"""Turn the paths in a table into files below the table's folder, and refuse every path that leads elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from headstart.core.errors import DataError, Problem
from headstart.data.columns import as_text, blank_cells, cells_of, contents_of, matching_cells
from headstart.data.images import SUFFIXES, is_image_name
from headstart.data.tables import blank

_NEAR_IMAGE_NAMES = rf"\.({'|'.join(sorted(suffix[1:] for suffix in SUFFIXES))})[/\\.]*$"


def resolve_images(columns: Mapping[str, Sequence[Any]], ids: Sequence[str], folder: Path) -> dict[str, Sequence[Any]]:
    """Turn the columns that hold names of image files into columns of paths.

    Args:
        columns: Cells by column, lists or Arrow text.
        ids: The name of each row.
        folder: What the paths are relative to.

    Returns:
        The columns, others as they were; a column counts as images if most of its texts end like an image's name.

    Raises:
        DataError: A path is absolute, a URL, leads out of the folder, or there is no such file; all are listed.
    """
    problems: list[Problem] = []
    resolved = dict(columns)
    for column, cells in columns.items():
        if _are_image_names(cells):
            resolved[column] = [
                None if blank(cell) else _resolve(cell, folder, f"{row}, column '{column}'", problems)
                for cell, row in zip(cells_of(cells), ids, strict=True)
            ]
    if problems:
        raise DataError("Image paths cannot be used:", problems)
    return resolved


def _are_image_names(cells: Sequence[Any]) -> bool:
    text = as_text(cells)
    if text is None:
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        return sum(map(is_image_name, texts)) * 2 > len(texts)
    # Every ending of an image has a letter after f, and numbers have none: a far faster look than at each cell.
    if not any(((content & 0xDF) > ord("F")).any() for content in contents_of(text)):
        return False
    import pyarrow as pa

    near = text.filter(pa.array(matching_cells(text, _NEAR_IMAGE_NAMES, ignore_case=True))).to_pylist()
    return len(near) > 0 and sum(map(is_image_name, near)) * 2 > len(text) - blank_cells(text).sum()


def _resolve(cell: Any, folder: Path, where: str, problems: list[Problem]) -> Path | None:
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
    elif not is_image_name(text):
        problems.append(Problem(where, f"'{text}' is not the name of an image file"))
    elif not path.resolve().is_relative_to(folder.resolve()):
        problems.append(Problem(where, f"'{text}' is a link that leads out of the folder", inside))
    elif not path.is_file():
        problems.append(Problem(where, f"there is no file '{text}'"))
    else:
        return path
    return None
