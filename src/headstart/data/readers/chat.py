"""Chats in JSON lines: `{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`.

A turn of the assistant is an answer, and the turns before it are its prompt.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headstart.core.errors import BadRows, Problem, UsageError, first_few
from headstart.data.readers._chat_files import TURNS, chat_files
from headstart.data.readers._csv import decode
from headstart.data.readers._records import read_jsonl
from headstart.data.tables import Tables, make_frame, split_name

PROMPT, ANSWER, CHAT = "prompt", "answer", "chat"
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
WRONG = "Chats whose turns cannot be used:"


@dataclass(frozen=True)
class Chat:
    """Read chats: `answers` "last" takes the last turn of the assistant, "all" makes a row of each of its turns.

    Columns: prompt (a text, or several turns as JSON), answer, and chat, which names the rows of one chat.
    """

    answers: Literal["last", "all"] = "last"

    def matches(self, data: Any) -> bool:
        """Return whether `data` is such a file, or a folder with some."""
        return isinstance(data, str | Path) and bool(chat_files(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns prompt and answer; rows are named by their line, with "all" by their turn too.

        Args:
            data: The file or folder.

        Returns:
            The tables; chats whose turns are out of order are told in them.

        Raises:
            UsageError: A folder has several files that are called like no split.
        """
        root = Path(data)
        files = chat_files(root) or [root]
        splits = {file: "all" if len(files) == 1 else split_name(file.name) or "" for file in files}
        if "" in splits.values():
            named = first_few(file.name for file, split in splits.items() if not split)
            raise UsageError(f"{root} has {len(files)} files of chats: call them train, valid and test ({named}).")
        found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        problems: list[Problem] = []
        for file, split in splits.items():
            columns, lines = read_jsonl(decode(file.read_bytes(), file.name, None), file.name)
            for turns, line in zip(columns[TURNS], lines, strict=True):
                name = f"{file.name}:{line}"
                if why := wrong(turns):
                    problems.append(Problem(name, why, "mend it"))
                    continue
                for row, prompt, answer in self._rows(name, turns):
                    for column, cell in ((PROMPT, prompt), (ANSWER, answer), (CHAT, name), ("", row)):
                        found[split][column].append(cell)
        frames = {split: make_frame(columns, columns.pop("")) for split, columns in found.items()}
        labels = (ANSWER,) if any(frame[ANSWER].notna().any() for frame in frames.values()) else ()
        return Tables(frames, labels, asides=(CHAT,), wrong=(BadRows(WRONG, problems),) if problems else ())

    def _rows(self, name: str, turns: list[dict[str, str]]) -> list[tuple[str, str, str | None]]:
        """Make rows of a chat: the name, the prompt and the answer of each; one that ends with the user has none."""
        asked = [place for place, turn in enumerate(turns) if turn["role"] == ASSISTANT]
        if turns[-1]["role"] != ASSISTANT:
            return [(name, _prompt(turns), None)]
        if self.answers == "last":
            return [(name, _prompt(turns[:-1]), turns[-1]["content"])]
        return [(f"{name}, turn {place + 1}", _prompt(turns[:place]), turns[place]["content"]) for place in asked]


def wrong(turns: Any) -> str:
    """Say what is wrong with the turns of a chat; "" where all is well.

    Args:
        turns: What a record has as its turns.

    Returns:
        The reason: after what a system says, users and assistants take turns, and each says something.
    """
    if not isinstance(turns, list) or not turns:
        return f"has no turns ('{TURNS}')"
    expected = USER
    for place, turn in enumerate(turns, 1):
        role = turn.get("role") if isinstance(turn, dict) else None
        if role not in (SYSTEM, USER, ASSISTANT):
            return f"turn {place} has the role {role!r}: there are {SYSTEM}, {USER} and {ASSISTANT}"
        if not isinstance(turn.get("content"), str) or not turn["content"].strip():
            return f"turn {place} ({role}) has no text as its content"
        if role == SYSTEM and place == 1:
            continue
        if role != expected:
            return f"turn {place} is the {role}'s, where the {expected}'s is expected"
        expected = ASSISTANT if role == USER else USER
    return "" if turns[-1]["role"] != SYSTEM else f"has no turn of the {USER}"


def _prompt(turns: list[dict[str, str]]) -> str:
    """Write turns as a prompt: the user's only one as it is."""
    if len(turns) == 1:
        return turns[0]["content"]
    return json.dumps([{"role": turn["role"], "content": turn["content"]} for turn in turns], ensure_ascii=False)
