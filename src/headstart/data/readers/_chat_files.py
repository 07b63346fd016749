"""Which files are chats: JSON lines whose records have `messages`, turns with a role and a content."""

from __future__ import annotations

import json
from pathlib import Path

from headstart.data.walk import files_in

ENDINGS = (".jsonl", ".ndjson")
TURNS = "messages"


def is_chat(path: Path) -> bool:
    """Return whether the first record of a file has turns."""
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    if f'"{TURNS}"' not in first:
        return False
    try:
        record = json.loads(first)
    except ValueError:
        return False
    turns = record.get(TURNS) if isinstance(record, dict) else None
    return isinstance(turns, list) and all(isinstance(turn, dict) and "role" in turn for turn in turns)


def chat_files(path: Path) -> list[Path]:
    """Find such files: the one that is named, or those of a folder, sorted by name."""
    if path.is_file():
        return [path] if is_chat(path) else []
    return [file for file in files_in(path) if is_chat(file)] if path.is_dir() else []
