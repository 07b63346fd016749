"""Messages name a setting as its user writes it: an option on the command line, an argument in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import headstart

FOLDER = Path(headstart.__file__).parent
OF_THE_COMMAND = ("cli/", "evaluation/report/protocol.py")  # the page gives the commands that repeat a run
PLAN = r"(?:with|as|by|in|of) (?:inputs|labels|blank_labels|source_domain|target_domain)(?:$|[.,;:) ])"
OPTION = r"(?<![\w-])--[a-z]"
ARGUMENT = r"(?<![\w.])[a-z_]+=['\"\[(]"


def messages(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    bodies = (getattr(node, "body", None) for node in ast.walk(tree))
    firsts = (body[0] for body in bodies if isinstance(body, list) and body)
    docs = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def wrong(text: str, patterns: Sequence[str] = (OPTION, PLAN, ARGUMENT)) -> str:
    text = text.replace("docker run --shm", "")
    found = next((found for pattern in patterns if (found := re.search(pattern, text))), None)
    return found[0] if found else ""


def test_no_message_names_a_setting_itself() -> None:
    found = []
    for file in FOLDER.rglob("*.py"):
        name = file.relative_to(FOLDER).as_posix()
        if not name.startswith(OF_THE_COMMAND):
            patterns = (OPTION, PLAN, ARGUMENT) if name.startswith("data/") else (OPTION,)
            found += [(name, text) for text in messages(ast.parse(file.read_text("utf-8"))) if wrong(text, patterns)]
    assert found == []


@pytest.mark.parametrize(
    "text", ["Name some with inputs.", "name it with labels; ", "say --task none", "use separator='|'"]
)
def test_such_words_are_found(text: str) -> None:
    assert wrong(text)
    assert list(messages(ast.parse(f"def f():\n    'with inputs.'\n    raise E({text!r})"))) == [text]
