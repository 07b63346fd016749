"""One writer for a folder: a lock of the operating system, and a file beside it that names the process that holds it.

The system releases the lock when the process ends, however it ends. What `lock.json` then still says is only
there to be told to the next process.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from headstart.core.errors import StorageError
from headstart.core.storage import write_text

NAME = "lock.json"
LOCKED = ".lock"  # stays behind, empty: to delete it would let two processes lock two files of one name


@contextmanager
def locked(folder: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder's lock inside the block.

    Args:
        folder: The folder that is written to.
        note: Is told when a lock that a dead process left is taken over.

    Raises:
        StorageError: Another process holds it, or one on another machine did, about which nothing can be found out.
    """
    path = folder / NAME
    with ExitStack() as held:
        try:
            _lock(folder, held)
            holder = _read(path)
            if holder is not None:
                _take_over(path, holder, note)
            write_text(path, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
        except OSError as error:
            raise StorageError(f"{folder} cannot be written to: {error.strerror or error}.") from error
        held.callback(path.unlink, missing_ok=True)  # before the lock is given back
        yield


def _lock(folder: Path, held: ExitStack) -> None:
    from filelock import FileLock, Timeout

    try:
        held.enter_context(FileLock(folder / LOCKED, timeout=0))
    except Timeout as error:
        holder = _read(folder / NAME)
        who = "another process" if holder is None else _named(holder)
        raise StorageError(f"{folder} is in use by {who}. Wait for it, stop it, or name another folder.") from error


def _take_over(path: Path, holder: dict[str, Any], note: Callable[[str], None]) -> None:
    """Follow a process that is gone. Not every shared file system shows one machine the locks of another."""
    if holder.get("host") != socket.gethostname():
        raise StorageError(
            f"{path.parent} is locked by {_named(holder)}, another machine. "
            f"Stop that process; if it is gone, delete {path}."
        )
    note(f"the lock of {_named(holder)} was taken over: that process is gone")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(f"{path} is damaged. If no process uses {path.parent}, delete it.") from error


def _named(holder: dict[str, Any]) -> str:
    return f"process {holder.get('pid')} on {holder.get('host')}"
