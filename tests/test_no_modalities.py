"""No folder but inputs/ and views/ knows a modality by its name or class: another one is another file."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import headstart
from headstart.core import plugins

SOURCE = Path(headstart.__file__).parent
HOMES = ("inputs", "views")
ALLOWED = {
    ("headline.py", "text"): "the name of a field",
    ("overview.py", "text"): "the same, as it is read again",
    ("sources/vector.py", "vector"): "the name of the source, in the card",
}


def offences(root: Path) -> list[str]:
    """List strings that are the name of a modality, and `isinstance` on the class of one, outside their homes."""
    names = set(plugins.names("inputs"))
    classes = {plugins.load("inputs", name).__name__ for name in names}
    found = []
    for file in sorted(root.rglob("*.py")):
        path = file.relative_to(root)
        if path.parts[0] in HOMES:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                if not any(path.as_posix().endswith(end) and node.value == value for end, value in ALLOWED):
                    found.append(f"{path}: '{node.value}'")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                asked = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
                found.extend(f"{path}: isinstance {name}" for name in sorted(asked & classes))
    return found


def test_no_modality_is_named_elsewhere() -> None:
    assert offences(SOURCE) == []


def test_a_name_and_a_class_are_found(tmp_path: Path) -> None:
    copy = tmp_path / "headstart"
    shutil.copytree(SOURCE, copy)
    with (copy / "data" / "splits.py").open("a") as file:
        file.write('\n\ndef late(task, expects):\n    return task.modality == "image" or isinstance(expects, Text)\n')
    assert sorted(offences(copy)) == ["data/splits.py: 'image'", "data/splits.py: isinstance Text"]
