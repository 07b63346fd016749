"""metrics.jsonl: a line for each mean of losses and each look, with a position that a resume goes back to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Log:
    """The log of a run.

    Args:
        path: The file.
        silent: Write nothing: another process is the writer.
    """

    def __init__(self, path: Path, *, silent: bool = False) -> None:
        self.path, self.silent = path, silent

    @property
    def position(self) -> int:
        """Bytes that are written."""
        return self.path.stat().st_size if self.path.exists() else 0

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line."""
        if not self.silent:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def cut(self, position: int) -> None:
        """Drop what was written after a position, so that steps that are taken again have no second lines."""
        if not self.silent and self.position > position:
            os.truncate(self.path, position)
