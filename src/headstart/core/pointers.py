"""Pointers of Git LFS: a few lines that stand in the place of a file that was not fetched."""

from __future__ import annotations

START = b"version https://git-lfs.github.com/spec/"
WHAT, MEND = "is a pointer of Git LFS, not the file itself", "fetch it: git lfs pull"


def is_pointer(start: bytes) -> bool:
    """Return whether a file that starts so is a pointer."""
    return start.startswith(START)
