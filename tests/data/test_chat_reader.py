"""Chats in JSON lines become prompts and answers; turns out of order are named by file and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.readers.chat import Chat
from headstart.data.readers.table import Table
from headstart.data.unlabelled import read_unlabelled

SHORT = {"system": "be brief", "user": "and two?", "assistant": "three"}


def turns(text: str) -> list[dict[str, str]]:
    """Make turns of the first letters of their roles."""
    roles = {role[0]: role for role in SHORT}
    return [{"role": roles[letter], "content": f"{SHORT[roles[letter]]} {n}"} for n, letter in enumerate(text)]


def write(folder: Path, chats: list[Any], name: str = "train.jsonl") -> Path:
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"messages": chat, "id": n}) for n, chat in enumerate(chats)]
    (folder / name).write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return folder


def rows(folder: Path, reader: Chat) -> list[tuple[str, str, str]]:
    frame = reader.read(folder).splits["all"]
    return [*zip(map(str, frame.index), frame["prompt"], frame["answer"], strict=True)]


def test_the_last_turn_or_each_turn_of_the_assistant_is_an_answer(tmp_path: Path) -> None:
    folder = write(tmp_path / "chats", [turns("ua"), turns("suaua")])
    long = turns("suaua")
    first = ("train.jsonl:1", "and two? 0", "three 1")
    assert rows(folder, Chat()) == [first, ("train.jsonl:3", json.dumps(long[:4]), "three 4")]
    assert rows(folder, Chat(answers="all")) == [
        ("train.jsonl:1, turn 2", *first[1:]),
        ("train.jsonl:3, turn 3", json.dumps(long[:2]), "three 2"),
        ("train.jsonl:3, turn 5", json.dumps(long[:4]), "three 4"),
    ]
    assert Chat().matches(folder) and Chat().matches(folder / "train.jsonl")
    assert not Table().matches(folder) and not Table().matches(folder / "train.jsonl")


def test_turns_out_of_order_are_named_by_file_and_row(tmp_path: Path) -> None:
    bad = [turns("au"), turns("uu"), turns("uas"), turns("s"), [], "hello", [{"role": "tool", "content": "x"}]]
    empty = [{"role": "user", "content": " "}]
    folder = write(tmp_path / "chats", [turns("ua"), *bad, empty])
    plan = DataPlan(task="generation")
    with pytest.raises(DataError) as error:
        read(folder, plan)
    told = str(error.value)
    for line, why in (
        (3, "turn 1 is the assistant's, where the user's is expected"),
        (5, "turn 2 is the user's, where the assistant's is expected"),
        (7, "turn 3 is the system's, where the user's is expected"),
        (9, "has no turn of the user"),
        (11, "has no turns ('messages')"),
        (13, "has no turns ('messages')"),
        (15, "turn 1 has the role 'tool': there are system, user and assistant"),
        (17, "turn 1 (user) has no text as its content"),
    ):
        assert f"train.jsonl:{line}: {why}" in told, told
    assert len(told.splitlines()) >= 8


def test_splits_are_files_and_a_last_turn_of_the_user_asks(tmp_path: Path) -> None:
    said = [(f"say {n}", f"it is {n}") for n in range(6)]
    chats = [[{"role": "user", "content": ask}, {"role": "assistant", "content": answer}] for ask, answer in said]
    folder = write(tmp_path / "chats", chats)
    write(folder, chats[:3], "valid.jsonl")
    data = read(folder, DataPlan(task="generation"))
    assert (data.task.inputs, data.task.kind) == (("prompt",), "generation")
    assert [*data.splits["validation"].ids] == ["valid.jsonl:1", "valid.jsonl:3", "valid.jsonl:5"]
    asked = write(tmp_path / "asked", [turns("u"), turns("uau")], "new.jsonl")
    found, names = read_unlabelled(asked, DataPlan(), data.task)
    assert list(found.inputs) == ["and two? 0", json.dumps(turns("uau"))]
    assert list(names) == ["new.jsonl:1", "new.jsonl:3"]
    write(folder, chats, "more.jsonl")
    with pytest.raises(UsageError, match=r"call them train, valid and test \(more.jsonl\)"):
        read(folder, DataPlan(task="generation"))
