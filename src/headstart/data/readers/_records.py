"""Read JSON lines and Parquet to columns, and name the record that is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, Problem


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
    keys = list(dict.fromkeys(key for record in records for key in record))
    return {key: [record.get(key) for record in records] for key in keys}, lines


def read_parquet(path: Path, name: str) -> dict[str, list[Any]]:
    """Read a Parquet file; a picture stored as {bytes, path} becomes its bytes.

    Args:
        path: The file.
        name: The file, for messages.

    Returns:
        The columns.

    Raises:
        DataError: The file is damaged or has no rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 1
    columns: dict[str, list[Any]] = {}
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for column in table.column_names:
                    columns.setdefault(column, []).extend(_cells(table.column(column)))
                first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        where = f"{name}, from record {first}"
        raise DataError(
            f"{name} is damaged.", [Problem(where, str(error).partition(".")[0], "is the file cut off? copy it again")]
        ) from error
    if first == 1:
        raise DataError(f"{name} has no records.")
    return columns


def _cells(column: Any) -> list[Any]:
    """Turn a column of Arrow into Python objects; numbers go by NumPy, which is much faster."""
    import pyarrow as pa

    kind = column.type
    if column.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return column.to_numpy().tolist()
    cells = column.to_pylist()
    return [_cell(cell) for cell in cells] if pa.types.is_nested(kind) else cells


def _cell(cell: Any) -> Any:
    """Take the bytes of a file, or its path, out of the pair of both in which `datasets` writes them."""
    if not isinstance(cell, dict) or not {"bytes", "path"} >= set(cell):
        return cell
    return cell.get("bytes") or cell.get("path")
