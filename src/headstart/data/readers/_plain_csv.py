"""Read a CSV file without quotes by column: each line is then a row, and no cell has to become an object of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from headstart.data.readers._csv import LONGEST_CELL, Sheet, after_spaces, name_index

MARK = b"\xef\xbb\xbf"  # of UTF-8
BLOCK = 2 << 20  # bytes that are read at once


def read_plain(file: IO[bytes], choose_delimiter: Callable[[str], str]) -> Sheet | None:
    """Read UTF-8 CSV with a header line, where that is plain work.

    Args:
        file: The file, open.
        choose_delimiter: Returns what stands between cells, for the header line.

    Returns:
        What `parse` returns for it; None where `parse` has to look at the file, since there are quotes, an unusual
        delimiter or line end, spaces after delimiters, or something wrong, which it names.
    """
    header: list[str] = []
    delimiter = ""
    tables: list[Any] = []
    lines: list[int] = []
    before = 0
    for block in _blocks(file):
        if block is None or b'"' in block or b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
            return None
        starts, ends = _lines(block)
        if (ends - starts).max() > LONGEST_CELL:
            return None
        filled = np.flatnonzero(ends > starts)
        numbers = filled + before + 1
        if not delimiter:
            first = block[: block.find(b"\n") + 1].decode(errors="replace")
            delimiter = choose_delimiter(first)
            if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
                return None
            if after_spaces(first, delimiter):
                return None
        if not header and len(filled):
            header = name_index(block[starts[filled[0]] : ends[filled[0]]].decode(errors="replace").split(delimiter))
            filled, numbers = filled[1:], numbers[1:]
        if len(filled):
            table = _table(memoryview(block)[starts[filled[0]] :], header, delimiter)
            if table is None or table.num_rows != len(filled):
                return None
            tables.append(table)
        lines += numbers.tolist()
        before += len(starts)
    if not lines or "\ufffd" in "".join(header) or len(set(header)) < len(header) or not all(map(str.strip, header)):
        return None
    return Sheet(_columns(tables, header), lines, before - len(lines) - 1)


def _blocks(file: IO[bytes]) -> Iterator[bytes | None]:
    """Yield whole lines, without the mark at the start of the file; None in place of a very long one."""
    rest = file.read(len(MARK)).removeprefix(MARK)
    while block := file.read(BLOCK):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
        rest = block[end:] if end else rest + block
        if len(rest) > LONGEST_CELL:
            yield None
    if rest:
        yield rest


def _lines(block: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Find where each line starts and where its text ends."""
    signs = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    starts = np.concatenate([[0], ends + 1])
    if starts[-1] < len(block):
        ends = np.append(ends, len(block))
    else:
        starts = starts[:-1]
    returns = (ends > starts) & (signs[np.maximum(ends - 1, 0)] == ord("\r"))
    return starts, ends - returns


def _table(rows: memoryview, names: list[str], delimiter: str) -> Any:
    import pyarrow as pa
    import pyarrow.csv as arrow

    if rows[: len(MARK)] == MARK:  # Arrow would drop it, but here it is text
        return None
    places = [str(place) for place in range(len(names))]
    try:
        return arrow.read_csv(
            pa.BufferReader(pa.py_buffer(rows)),
            read_options=arrow.ReadOptions(use_threads=False, block_size=len(rows) + 1, column_names=places),
            parse_options=arrow.ParseOptions(
                delimiter=delimiter, quote_char=False, double_quote=False, escape_char=False
            ),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(places, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:  # a row of another length, or bytes that are not UTF-8
        return None


def _columns(tables: list[Any], header: list[str]) -> dict[str, Any]:
    import pyarrow as pa

    whole = pa.concat_tables(tables)
    return {name: whole.column(place) for place, name in enumerate(header)}
