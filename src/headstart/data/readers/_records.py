"""Read JSON lines, JSON, lines of text and Parquet to columns, and name the record that is damaged."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, Problem, first_few

READ = "a list of objects, or columns of equal length by name"


def read_jsonl(text: str, name: str) -> tuple[dict[str, list[Any]], list[int]]:
    """Read one JSON object a line.

    Args:
        text: The whole file.
        name: The file, for messages.

    Returns:
        The columns (None where an object lacks the key) and the line of each row.

    Raises:
        DataError: Lines are not JSON objects, or there are none.
    """
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    problems = []
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            record = json.loads(content)
        except ValueError as error:
            problems.append(Problem(f"{name}:{line}", f"record {line} is not JSON: {error}", "is the file cut off?"))
            continue
        if isinstance(record, dict):
            records.append(record)
            lines.append(line)
        else:
            problems.append(Problem(f"{name}:{line}", f"record {line} is {type(record).__name__}, not an object {{…}}"))
    if problems:
        raise DataError(f"{name} has damaged records:", problems)
    if not records:
        raise DataError(f"{name} has no records.")
    return columns_of(records), lines


def read_json(text: str, name: str) -> tuple[dict[str, list[Any]], Sequence[int]]:
    """Read a file of JSON: a list of objects, columns by name as lists or as pandas writes them, or JSON lines.

    Args:
        text: The whole file.
        name: The file, for messages.

    Returns:
        The columns (None where an object lacks the key), and the number of each row, from 1, or its line.

    Raises:
        DataError: It is no JSON, or holds something else.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{") and error.msg == "Extra data":  # an object a line, called so all the same
            return read_jsonl(text, name)
        raise DataError(
            f"{name} is not JSON.", [Problem(f"{name}:{error.lineno}", error.msg, "is the file cut off?")]
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} cannot be read as JSON: {error}.") from error
    if isinstance(content, dict):  # {"data": [{…}, …]}: the rest is about the rows
        inside = [cells for cells in content.values() if isinstance(cells, list)]
        content = inside[0] if len(inside) == 1 and are_records(inside[0]) else content
    if isinstance(content, dict):
        columns = {
            str(key): list(cells.values()) if isinstance(cells, dict) else cells for key, cells in content.items()
        }
        keys = [list(cells) for cells in content.values() if isinstance(cells, dict)]
        lists = all(isinstance(cells, list) and not are_records(cells) for cells in columns.values())
        if not content or not lists or len({*map(len, columns.values())}) > 1 or any(k != keys[0] for k in keys):
            raise DataError(f"{name} holds an object with {_named(content)}. What is read: {READ}.")
    elif are_records(content):
        columns = columns_of(content)
    else:
        raise DataError(f"{name} holds {_described(content)}. What is read: {READ}.")
    rows = len(next(iter(columns.values())))
    if not rows:
        raise DataError(f"{name} has no records.")
    return columns, range(1, rows + 1)


def read_lines(text: str, name: str) -> tuple[dict[str, list[Any]], list[int]] | None:
    """Read a text a line, to the column "x" of examples that come without a name.

    Args:
        text: The whole file.
        name: The file, for messages.

    Returns:
        The column and the line of each text, without blank lines; None where most lines have tabs: cells are between.

    Raises:
        DataError: There is no text.
    """
    lines = [(line, content) for line, content in enumerate(re.split(r"\r\n?|\n", text), 1) if content.strip()]
    if not lines:
        raise DataError(f"{name} has no text.")
    usual, _ = Counter(content.count("\t") for _, content in lines).most_common(1)[0]
    return None if usual else ({"x": [content for _, content in lines]}, [line for line, _ in lines])


def are_records(content: Any) -> bool:
    """Return whether this is a list of dicts, one a row."""
    return isinstance(content, list) and bool(content) and all(isinstance(record, dict) for record in content)


def columns_of(records: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns; a key that some of them lack is missing there."""
    keys = dict.fromkeys(key for record in records for key in record)
    return {key: [record.get(key) for record in records] for key in keys}


def _named(content: dict[str, Any]) -> str:
    return first_few((f"'{key}' ({_described(value)})" for key, value in content.items()), most=4) or "nothing in it"


def _described(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    return "an object" if isinstance(value, dict) else "a single value"


def read_parquet(path: Path, name: str) -> dict[str, Any]:
    """Read a Parquet file; a picture stored as {bytes, path} becomes its bytes.

    Args:
        path: The file.
        name: The file, for messages.

    Returns:
        The columns; text of which no cell is missing stays Arrow's, as that of a CSV file.

    Raises:
        DataError: The file is damaged or has no rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 1
    parts: dict[str, list[Any]] = {}
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for column in table.column_names:
                    parts.setdefault(column, []).append(_kept(table.column(column)))
                first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        where = f"{name}, from record {first}"
        raise DataError(
            f"{name} is damaged.", [Problem(where, str(error).partition(".")[0], "is the file cut off? copy it again")]
        ) from error
    if first == 1:
        raise DataError(f"{name} has no records.")
    return {column: _joined(found) for column, found in parts.items()}


def _kept(column: Any) -> Any:
    """Take a part of a column: text as Arrow has it, anything else as Python's objects."""
    import pyarrow as pa

    kind = column.type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(inner) or pa.types.is_large_string(inner):
        return column.cast(pa.large_string())
    return _cells(column)


def _joined(parts: Sequence[Any]) -> Any:
    import pyarrow as pa

    if all(isinstance(part, pa.ChunkedArray) and part.null_count == 0 for part in parts):
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.large_string())
    return [cell for part in parts for cell in (part.to_pylist() if isinstance(part, pa.ChunkedArray) else part)]


def _cells(column: Any) -> list[Any]:
    """Turn a column of Arrow into Python objects; numbers go by NumPy, which is much faster."""
    import pyarrow as pa

    kind = column.type
    if column.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return column.to_numpy().tolist()
    cells = column.to_pylist()
    return [file_cell(cell) for cell in cells] if pa.types.is_nested(kind) else cells


def file_cell(cell: Any) -> Any:
    """Take the bytes of a file, or its path, out of the pair of both in which `datasets` writes them."""
    if not isinstance(cell, dict) or not {"bytes", "path"} >= set(cell):
        return cell
    return cell.get("bytes") or cell.get("path")
