"""Which files hold tables, by their endings, and how one is opened: packed files are read as they are."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from headstart.core import pointers
from headstart.core.errors import DataError, reason_of
from headstart.data.tables import split_name

SURE = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
DOUBTFUL = (".json", ".txt")  # which also hold notes and settings: in a folder they are tables by their names alone
NEVER_PACKED = ".parquet"
DAMAGED = (gzip.BadGzipFile, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)


@contextmanager
def _only_member(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.namelist() if not member.endswith("/")]
        if len(members) != 1:
            raise DataError(f"{path.name} holds {len(members)} files, not one table. Unpack it, and name the folder.")
        try:
            with archive.open(members[0]) as file:
                yield file
        except RuntimeError as error:  # a password
            raise DataError(f"{path.name} cannot be unpacked: {reason_of(error)}.") from error


PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zip": _only_member}


def ending(path: Path) -> str:
    """Return the ending that says how a table is written, in small letters: ".csv" of "a.CSV.gz"; "" for others."""
    last = path.suffix.lower()
    if last in PACKED:
        inner = Path(path.stem).suffix.lower()
        return inner if inner in {*SURE, *DOUBTFUL} - {NEVER_PACKED} else ""
    return last if last in {*SURE, *DOUBTFUL} else ""


def stem(path: Path) -> str:
    """Return the name of a table without its endings: "train" of "train.csv.gz"."""
    return Path(path.stem).stem if path.suffix.lower() in PACKED else path.stem


def is_table(path: Path) -> bool:
    """Return whether a file in a folder is a table whatever else is there."""
    return ending(path) in SURE


def may_be_table(path: Path) -> bool:
    """Return whether a file in a folder is a table where nothing else is data: it is called like a split."""
    return ending(path) in DOUBTFUL and split_name(stem(path)) is not None


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a table to read its bytes, unpacked.

    Args:
        path: The file.
        name: The file, for messages.

    Yields:
        The open file.

    Raises:
        DataError: The file is no clean archive, or holds more than one file; also while it is read.
    """
    try:
        with path.open("rb") as plain:
            if pointers.is_pointer(plain.read(len(pointers.START))):
                raise DataError(f"{name} {pointers.WHAT}; {pointers.MEND}.")
        with PACKED.get(path.suffix.lower(), lambda plain: plain.open("rb"))(path) as file:
            yield file
    except DAMAGED as error:
        raise DataError(
            f"{name} cannot be unpacked: {reason_of(error)}. Is the file cut off? Copy it again."
        ) from error
