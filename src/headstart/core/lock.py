"""One writer for a folder: a lock file that names the process that holds it.

The lock is a small JSON file with host, process and the time that the process started, so that a
lock left by a killed process is told from a living one, even where its number was given to another.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from headstart.core.errors import StorageError

NAME = "lock.json"
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}


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
    own = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    own["token"] = secrets.token_hex(8)
    while not _create(path, own):
        holder = _read(path)
        if holder is None:  # it was given back in between
            continue
        who = f"process {holder.get('pid')} on {holder.get('host')}"
        if holder.get("host") != own["host"]:
            raise StorageError(
                f"{folder} is locked by {who}, another machine. Stop that process; if it is gone, delete {path}."
            )
        if _alive(holder):
            raise StorageError(f"{folder} is in use by {who}. Wait for it, stop it, or name another folder.")
        _move_aside(path, holder)
        note(f"the lock of {who} was taken over: that process is gone")
    try:
        yield
    finally:
        if (_read(path) or {}).get("token") == own["token"]:
            path.unlink(missing_ok=True)


def _create(path: Path, own: dict[str, Any]) -> bool:
    """Write the whole file aside and link it to its name, which fails where the name is taken."""
    aside = path.with_name(f".{NAME}-{own['token']}")
    try:
        aside.write_text(json.dumps(own), encoding="utf-8")
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise StorageError(f"{path.parent} cannot be written to: {error.strerror or error}.") from error
        return _create_directly(path, own)
    finally:
        with suppress(OSError):
            aside.unlink()
    return True


def _create_directly(path: Path, own: dict[str, Any]) -> bool:
    """Create the file under its name, where the file system has no links; it is not whole at once."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(own))
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(f"{path} is damaged. If no process uses {path.parent}, delete it.") from error


def _move_aside(path: Path, holder: dict[str, Any]) -> None:
    """Remove a dead process's lock, unless another process was faster and the lock is now its own."""
    aside = path.with_name(f".{NAME}-{secrets.token_hex(8)}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _read(aside) != holder:
        os.link(aside, path)
    aside.unlink()


def _alive(holder: dict[str, Any]) -> bool:
    pid = int(holder.get("pid", 0))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return holder.get("started") in {None, _started(pid)}


def _started(pid: int) -> str | None:
    """Return the clock tick at which a process started, where the system tells (Linux)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]  # a zombie is dead: it only waits to be noticed
