"""What a disk that refuses a file is told as: what, where, how much is free, and how to mend it.

Libraries hide the system's error in errors of their own ("I/O error: No space left on device (os error 28)").
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.core.errors import DiskError, StorageError

MENDS = {
    errno.ENOSPC: "Make room on that volume",
    errno.EDQUOT: "Your quota is used up: delete files, or have it raised",
    errno.EFBIG: "A file may not be so large: raise the limit with ulimit -f unlimited",
    errno.EROFS: "That volume is read-only: make it writable",
    errno.EACCES: "Give yourself the right to write there",
    errno.EPERM: "Give yourself the right to write there",
    errno.ENOENT: "Make its folder first",
    errno.EIO: "The disk itself fails: see to it",
}
ROOM = {errno.ENOSPC, errno.EDQUOT}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
HIDDEN = re.compile(r"(?:os error|[Ee]rrno) (\d+)")


@contextmanager
def told(path: Path, needed: int = 0, *, every: bool = True) -> Iterator[None]:
    """Turn what a disk raises inside the block into an error that says how to mend it.

    Args:
        path: What is written.
        needed: Its bytes, where they are known.
        every: Whether nothing but writing is done inside; else only what no reading raises is turned.

    Raises:
        DiskError: The disk refused, by whichever library; other errors pass.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        number = _number(error)
        if number is None or (number not in FULL and not every):
            raise
        room = _room(path, needed) if number in ROOM else ""
        mend = MENDS.get(number, "See to it")
        raise DiskError(f"{path} could not be written: {os.strerror(number)}.{room} {mend}.") from error


def _number(error: Exception) -> int | None:
    """Find the system's number of an error; None for one that no disk raised."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    hidden = HIDDEN.search(str(error))
    return int(hidden[1]) if hidden and int(hidden[1]) in MENDS else None


def _room(path: Path, needed: int) -> str:
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    free = f" {shutil.disk_usage(there).free:,} bytes are free there"
    return f"{free}, {needed:,} are needed." if needed else f"{free}."
