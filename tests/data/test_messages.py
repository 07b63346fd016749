"""Messages about data name a setting as its user writes it, never by its name in a recipe."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import headstart.data

FOLDER = Path(headstart.data.__file__).parent
PLAN = r"(?:with|as|by|in|of) (?:inputs|labels|blank_labels|source_domain|target_domain)(?:$|[.,;:) ])"
OPTION = r"(?<![\w-])--[a-z]|(?<![\w.])[a-z_]+=['\"\[(]"


def messages(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    bodies = (getattr(node, "body", None) for node in ast.walk(tree))
    firsts = (body[0] for body in bodies if isinstance(body, list) and body)
    docs = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def wrong(text: str) -> str:
    text = text.replace("docker run --shm", "")
    found = re.search(PLAN, text) or re.search(OPTION, text)
    return found[0] if found else ""


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: file.stem)
def test_no_message_about_data_names_a_setting_itself(file: Path) -> None:
    assert [text for text in messages(ast.parse(file.read_text(encoding="utf-8"))) if wrong(text)] == []


@pytest.mark.parametrize(
    "text", ["Name some with inputs.", "name it with labels; ", "say --task none", "use separator='|'"]
)
def test_such_words_are_found(text: str) -> None:
    assert wrong(text)
    assert list(messages(ast.parse(f"def f():\n    'with inputs.'\n    raise E({text!r})"))) == [text]
