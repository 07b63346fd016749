"""No folder but targets/ branches on a kind of target: none of their names stands in the code elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
KINDS = {"binary", "multiclass", "multilabel", "regression", "retrieval", "segmentation", "detection", "generation"}


def literals(file: Path) -> Iterator[str]:
    """Return each kind that stands in a file as text; "none" only where a kind is compared with it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in KINDS:
            yield f"{file.relative_to(SOURCE)}:{node.lineno} {node.value}"
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Attribute)
            and node.left.attr in {"kind", "task"}
        ):
            named = [part for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value == "none"]
            yield from (f"{file.relative_to(SOURCE)}:{part.lineno} none" for part in named)


def test_no_kind_is_named_outside_targets() -> None:
    files = [file for file in sorted(SOURCE.rglob("*.py")) if file.parent.name != "targets"]
    assert [found for file in files for found in literals(file)] == []


def test_a_kind_that_is_named_is_found(tmp_path: Path) -> None:
    file = SOURCE / "targets" / "multilabel.py"
    assert list(literals(file)) == []  # not even the kinds name themselves: their files do
