"""How the start and the method of a run were chosen, in words: kept in its folder, so that a resumed run knows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from headstart.core import storage
from headstart.core.types import Event, Listener
from headstart.runs.folder import read_json

NAME = "choices.json"


def keeping(listen: Listener, told: list[str]) -> Listener:
    """Return a listener that passes everything on, and puts the text of each note and detail into the list."""

    def hear(event: Event) -> None:
        if event.kind in ("note", "detail"):
            told.append(event.message)
        listen(event)

    return hear


def kept(folder: Path, told: Sequence[str], *, begun: bool) -> list[str]:
    """Keep what was told in the folder of a new run; of one that goes on, return what was told when it began.

    Args:
        folder: The run's.
        told: Now: a run that goes on has nothing left to choose.
        begun: Whether the run goes on.

    Returns:
        What was told when the run began.
    """
    path = folder / NAME
    if begun:
        return read_json(path) if path.exists() else list(told)
    storage.write_text(path, json.dumps(list(told), indent=1, ensure_ascii=False))
    return list(told)
