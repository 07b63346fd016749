"""Files that are whole or not there: written aside, hashed, fsynced, then renamed.

A folder under its final name is complete: it holds `manifest.json` with the SHA-256 of each of its
files. A writer that is killed leaves only a folder `.tmp-HOST-PID-…`, which `sweep` removes once
its process is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headstart.core.disk import told
from headstart.core.errors import SourceError, StorageError, first_few

MANIFEST = "manifest.json"
PICKLE_SUFFIXES = {
    ".pt",
    ".pth",
    ".bin",
    ".pkl",
    ".pickle",
    ".joblib",
    ".ckpt",
    ".keras",
    ".h5",
    ".hdf5",
    ".metadata",
    ".distcp",
}


def sha256(path: Path) -> str:
    """Hash one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_file(path: Path, *, every: bool = True) -> Iterator[Path]:
    """Write a file aside and give it its final name when the block ends without an error.

    Args:
        path: The final name; a file of that name is replaced at once.
        every: Whether nothing but writing is done in the block: see `headstart.core.disk.told`.

    Yields:
        The temporary name to write to.

    Raises:
        DiskError: The disk refuses; what was there before is untouched.
    """
    temporary = path.with_name(_temporary_name())
    try:
        with told(path):
            temporary.touch()
            mode = temporary.stat().st_mode  # as the umask has it, whatever the library that writes thinks
        with told(path, every=every):
            yield temporary
        with told(path):
            temporary.chmod(mode)
            sync_file(temporary)
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file so that its final name only ever holds the whole text."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def new_folder(path: Path, needed: int = 0) -> Iterator[Path]:
    """Fill a folder aside and give it its final name when the block ends without an error.

    Args:
        path: The final name; it must not exist yet.
        needed: Bytes of its content, where they are known.

    Yields:
        The temporary folder to write into.

    Raises:
        StorageError: The final name is taken.
        DiskError: The disk refuses; what was there before is untouched.
    """
    if path.exists():
        raise StorageError(f"{path} exists already. Name another folder or delete it.")
    temporary = path.parent / _temporary_name()
    with told(path, needed):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            yield temporary
            write_manifest(temporary)
            mode = (temporary / MANIFEST).stat().st_mode  # as the umask has it, whatever library wrote the others
            for file in [*temporary.rglob("*")]:
                if file.is_dir():
                    _sync_folder(file)
                else:
                    file.chmod(mode)
                    sync_file(file)
            _sync_folder(temporary)
            temporary.rename(path)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def kept_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder of Headstart's cache; it is filled once, and again where it is damaged.

    Args:
        name: The folder's name; another content has another name.
        fill: Writes the content into an empty folder.

    Returns:
        The folder, checked against its manifest. Of several processes that fill it at once the first one's stays.

    Raises:
        StorageError: It cannot be written.
    """
    path = cache() / name
    if path.is_dir():
        try:
            verify(path)
            return path
        except StorageError:
            with suppress(FileNotFoundError):  # another process was here first
                remove_folder(path)
    elif path.parent.is_dir():
        sweep(path.parent)
    try:
        with new_folder(path) as temporary:
            fill(temporary)
    except StorageError as error:
        if not path.is_dir():
            raise StorageError(f"{error} Set XDG_CACHE_HOME to a folder that can be written to.") from error
        verify(path)
    return path


def cache() -> Path:
    """Return the folder of what can be made again: `headstart` in XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headstart"


def remove_folder(path: Path) -> None:
    """Remove a folder so that its final name never holds a part of it."""
    aside = path.with_name(_temporary_name())
    path.rename(aside)
    shutil.rmtree(aside)


def write_manifest(folder: Path) -> None:
    """Write the size and SHA-256 of every file below the folder."""
    files = {
        str(file.relative_to(folder)): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")


def verify(folder: Path) -> None:
    """Check a folder against its manifest.

    Args:
        folder: A folder written by `new_folder`.

    Raises:
        StorageError: A file is missing, has another size or another hash; every such file is named.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError as error:
        raise StorageError(
            f"{folder} has no {MANIFEST}: it was not written by Headstart, or not to the end."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{folder / MANIFEST} is damaged.") from error
    wrong = []
    for name, entry in manifest.items():
        file = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            wrong.append(f"{name}: points outside the folder")
        elif not file.is_file():
            wrong.append(f"{name}: missing")
        elif file.stat().st_size != entry["bytes"]:
            wrong.append(f"{name}: {file.stat().st_size} bytes instead of {entry['bytes']}")
        elif sha256(file) != entry["sha256"]:
            wrong.append(f"{name}: its content was changed")
    if wrong:
        raise StorageError(f"{folder} is damaged:\n  " + first_few(wrong, "\n  "))


def sweep(folder: Path) -> list[Path]:
    """Remove what writers left here that were killed on this machine; return what was removed."""
    removed = []
    for orphan in folder.glob(".tmp-*"):
        host, _, rest = orphan.name.removeprefix(".tmp-").rpartition("-")[0].rpartition("-")
        if host == _host() and rest.isdigit() and not _alive(int(rest)):
            shutil.rmtree(orphan) if orphan.is_dir() else orphan.unlink()
            removed.append(orphan)
    return removed


def refuse_pickle(path: Path) -> None:
    """Refuse, unread, a file of a kind that can hold a pickle: reading one can run anyone's code.

    Args:
        path: A weights file that a user named.

    Raises:
        SourceError: The name's ending is one of those kinds.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise SourceError(
            f"{path} was not read: a '{path.suffix}' file can run code when it is loaded. Convert it to safetensors "
            "where you trust it: safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors')."
        )


def _temporary_name() -> str:
    return f".tmp-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _host() -> str:
    return socket.gethostname().replace("/", "_") or "host"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    with suppress(PermissionError):  # some systems do not open folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
