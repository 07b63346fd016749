"""Walk through folders: hidden and system files are passed over, links are followed, and never in a circle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "@eadir", "lost+found", "$recycle.bin"}
SYSTEM_FILES |= {"system volume information", "__pycache__"}


@dataclass(frozen=True)
class Found:
    """A file below a folder, or a link that leads to none.

    wrong: why it is none, "" for a file. circle: it is a link to a folder that it lies in, and is not followed.
    """

    path: Path
    wrong: str = ""
    circle: bool = False


def hidden(name: str) -> bool:
    """Return whether an entry is none of the user's: hidden, or made by the system."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, and the links to folders, sorted by name."""
    return [folder / entry.name for entry in _entries(folder) if entry.is_dir()]


def files_in(folder: Path) -> list[Path]:
    """Return the entries of a folder that are no folders, sorted by name."""
    return [folder / entry.name for entry in _entries(folder) if not entry.is_dir()]


def files_below(folder: Path) -> Iterator[Found]:
    """Yield the files in a folder and in those below it, sorted by name.

    Args:
        folder: Where to look.

    Yields:
        Files and files behind links; a link that leads nowhere, or to a folder that it lies in, with what is wrong.
    """
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.is_dir():
            if entry.is_symlink() and _leads_up(path):
                yield Found(path, f"is a link to {path.readlink()}, a folder that it lies in", circle=True)
            else:
                yield from files_below(path)
        elif entry.is_symlink() and not path.exists():
            yield Found(path, f"is a link to {path.readlink()}, which is not there")
        else:
            yield Found(path)


def _leads_up(link: Path) -> bool:
    """Return whether a link leads to a folder that holds one of those through which the link was reached."""
    target = link.resolve()
    return any(folder.resolve().is_relative_to(target) for folder in link.absolute().parents)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not hidden(entry.name)), key=lambda entry: entry.name)
