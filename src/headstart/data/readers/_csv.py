"""Read a CSV file as text, with the line number of each row, and name every line that is wrong."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from headstart.core.columns import blank_cells
from headstart.core.errors import DataError, Problem
from headstart.core.interface import option

LONGEST_CELL = 10_000_000  # characters; a longer cell is a quote that was never closed
BATCH = 100_000  # cells that are Python objects at one time
_limit = threading.Lock()  # the csv module has one limit for the whole process


@dataclass(frozen=True)
class Sheet:
    """The columns of a CSV file as Arrow text, and the line in the file on which each row starts."""

    columns: dict[str, Any]
    lines: list[int]
    blank_lines: int


def decode(content: bytes, name: str, encoding: str | None) -> str:
    """Decode the bytes of a text file; UTF-8, with or without a byte order mark, unless `encoding` says otherwise.

    Args:
        content: The whole file.
        name: The file, for messages.
        encoding: None is UTF-8.

    Returns:
        The text.

    Raises:
        DataError: The bytes are not text in that encoding; the message names byte, line and a better encoding.
    """
    if encoding is None and content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise DataError(
            f"{name} is UTF-16 text, not UTF-8.", [Problem(f"{name}, byte 0, line 1", "a UTF-16 mark", _hint("utf-16"))]
        )
    if encoding is None and b"\0" in content[:1000] and content[1:1000:2].count(0) > len(content[:1000]) // 3:
        raise DataError(
            f"{name} is UTF-16 text, not UTF-8.",
            [Problem(f"{name}, byte 1, line 1", "a zero byte", _hint("utf-16-le"))],
        )
    zeros = (
        [i for i, line in enumerate(content.splitlines(), 1) if b"\0" in line]
        if not encoding and b"\0" in content
        else []
    )
    if zeros:
        problems = [
            Problem(f"{name}:{line}", "holds a NUL byte", "delete it; the file may be damaged") for line in zeros
        ]
        raise DataError(f"{name} is not clean text:", problems)
    try:
        return content.decode(encoding or "utf-8-sig")
    except LookupError as error:
        raise DataError(
            f"{name}: there is no encoding '{encoding}'. Usual ones: utf-8, utf-16, cp1252, gb18030."
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{content[error.start]:02x} is not {error.encoding} text"
        hint = _hint(_likely_encoding(content))
        raise DataError(
            f"{name} is not {error.encoding} text.", [Problem(f"{name}, byte {error.start}, line {line}", what, hint)]
        ) from error


def parse(text: str, name: str, delimiter: str) -> Sheet:
    """Parse CSV text with a header line.

    Args:
        text: The whole file.
        name: The file, for messages.
        delimiter: What stands between cells.

    Returns:
        The columns.

    Raises:
        DataError: No header or rows, a column name that is blank or double, rows of another length, open quotes.
    """
    spaced = after_spaces(text[: text.find("\n")], delimiter)
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True, skipinitialspace=spaced)
    header: list[str] = []
    columns: list[list[Any]] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    ragged: list[tuple[int, int]] = []
    blank_lines = 0
    start = 1
    with _limit:
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            for row in reader:
                if not row:
                    blank_lines += 1
                elif not header:
                    header, columns = row, [[] for _ in row]
                elif len(row) != len(header):
                    ragged.append((start, len(row)))
                else:
                    rows.append(row)
                    lines.append(start)
                if len(rows) * len(header) >= BATCH:
                    _move(rows, columns, name)
                start = reader.line_num + 1
            _move(rows, columns, name)
        except csv.Error as error:
            mend = "is a quote not closed, or a quote inside a cell not doubled?"
            raise DataError(
                f"{name} is not a clean CSV file.", [Problem(f"{name}:{start}", str(error), mend)]
            ) from error
        finally:
            csv.field_size_limit(before)
    if not lines and not ragged:
        what = "no rows" if header else "no rows and no header line"
        raise DataError(f"{name} has {what}. The first line names the columns.")
    header = name_index([name.strip() for name in header] if spaced else header)
    for place in (
        [] if ragged or len(header) == 1 else [place for place, column in enumerate(header) if not column.strip()]
    ):
        if all(blank_cells(chunk).all() for chunk in columns[place]):  # as lines that end with a delimiter have one
            header[place] = _free(f"Unnamed: {place}", header)
    _check_header(header, name)
    problems = [
        Problem(
            f"{name}:{line}",
            f"has {cells} cells, the header has {len(header)}",
            f"cells with '{delimiter}' need quotes",
        )
        for line, cells in ragged
    ]
    if problems:
        raise DataError(f"{name} has rows of the wrong length:", problems)
    import pyarrow as pa

    return Sheet({n: pa.chunked_array(c) for n, c in zip(header, columns, strict=True)}, lines, blank_lines)


def after_spaces(line: str, delimiter: str) -> bool:
    """Return whether a header line has a space after each delimiter: "text, label". It is then no part of the cells."""
    later = line.split(delimiter)[1:]
    return delimiter != "\t" and bool(later) and all(name.startswith(" ") and name.strip() for name in later)


def name_index(header: list[str]) -> list[str]:
    """Name a first column without a name, which is the index of a frame that pandas or R wrote, as pandas reads it."""
    return [_free("Unnamed: 0", header), *header[1:]] if len(header) > 1 and not header[0].strip() else header


def _free(name: str, header: list[str]) -> str:
    """Return a name that no other column has: a frame may have been written with its index twice."""
    names = chain([name], (f"{name}.{again}" for again in count(1)))
    return next(free for free in names if free not in header)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends; io.StringIO would take four bytes for each sign of the text."""
    for line in re.finditer(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text):
        yield line[0]


def _move(rows: list[list[str]], columns: list[list[Any]], name: str) -> None:
    """Move rows to the end of the columns, as Arrow text."""
    import pyarrow as pa

    try:
        for cells, column in zip(zip(*rows, strict=True), columns, strict=True) if rows else ():
            column.append(pa.array(cells, pa.large_string()))
    except UnicodeEncodeError as error:  # some encodings, such as UTF-7, can bring one
        raise DataError(f"{name} is not clean text: it holds half of a surrogate pair ({error}).") from error
    rows.clear()


def _check_header(header: list[str], name: str) -> None:
    problems = [
        Problem(f"{name}:1", f"column {i} has no name", "name it, or leave it out")
        for i, c in enumerate(header, 1)
        if not c.strip()
    ]
    for column in dict.fromkeys(header):
        if column.strip() and header.count(column) > 1:
            problems.append(
                Problem(f"{name}:1", f"column '{column}' occurs {header.count(column)} times", "rename one")
            )
    if problems:
        raise DataError(f"{name} has a wrong header line:", problems)


def _hint(encoding: str) -> str:
    return f"name its encoding: {option('encoding', encoding)}"


def _likely_encoding(content: bytes) -> str:
    """Guess Chinese or Western text: Chinese bytes above 127 come in pairs, those of Western letters mostly alone."""
    high = [byte > 127 for byte in content]
    alone = sum(
        here and not before and not after
        for before, here, after in zip([False, *high], high, [*high[1:], False], strict=False)
    )
    if alone * 2 < sum(high):
        try:
            content.decode("gb18030")
        except UnicodeDecodeError:
            return "cp1252"
        return "gb18030"
    return "cp1252"
