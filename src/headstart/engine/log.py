"""metrics.jsonl: a line for each mean of losses and each evaluation, with a position that a resume goes back to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from headstart.core.storage import sync_file


class Log:
    """The log of a run. Lines that a full disk refuses wait in memory for the next one.

    Args:
        path: The file.
        silent: Write nothing: another process is the writer.
    """

    def __init__(self, path: Path, *, silent: bool = False) -> None:
        self.path, self.silent = path, silent
        self._waiting = ""

    @property
    def position(self) -> int:
        """Bytes that are on the disk, also if the power goes now."""
        self._flush()
        with suppress(OSError):
            sync_file(self.path)
        return self._size()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line."""
        if not self.silent:
            self._waiting += json.dumps(entry) + "\n"
            self._flush()

    def cut(self, position: int) -> None:
        """Drop what was written after a position, so that steps that are taken again have no second lines.

        Where the file is shorter, a line that is torn at its end is dropped.
        """
        if self.silent or not self.path.exists():
            return
        whole = self.path.read_bytes()[:position]
        end = whole.rfind(b"\n") + 1
        if end < self._size():
            os.truncate(self.path, end)

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _flush(self) -> None:
        if not self._waiting:
            return
        before = self._size()
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(self._waiting)
        except OSError:  # said where checkpoints are saved; no line may stay torn
            with suppress(OSError):
                os.truncate(self.path, before)
            return
        self._waiting = ""
