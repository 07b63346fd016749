"""Imports point to a lower rank only; folders of one rank never import each other (docs/architecture.md)."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
RANKS = {
    "core": 0,
    "targets": 2,
    "data": 3,
    "models": 3,
    "trackers": 3,
    "features": 4,
    "strategies": 4,
    "objectives": 4,
    "engine": 5,
    "evaluation": 5,
    "criteria": 6,
    "artifact": 6,
    "runs": 7,
    "estimators": 8,
    "cli": 8,
}


def imports(file: Path) -> set[str]:
    """Return the folders of headstart that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "headstart"
                else [node.module or ""]
            )
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("headstart.")}
    return found


def upward(root: Path) -> list[str]:
    """List the imports that break the rule."""
    wrong = []
    for file in sorted(root.rglob("*.py")):
        folder = file.relative_to(root).parts[0]
        if folder.endswith(".py"):
            continue
        wrong += [
            f"{file.relative_to(root)} imports {other}"
            for other in sorted(imports(file) - {folder})
            if other in RANKS and RANKS[other] >= RANKS[folder]
        ]
    return wrong


def test_every_folder_has_a_rank() -> None:
    assert {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(RANKS)


def test_imports_point_down() -> None:
    assert upward(SOURCE) == []


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "headstart"
    shutil.copytree(SOURCE, copy)
    with (copy / "strategies" / "full.py").open("a") as file:
        file.write("\n\ndef late():\n    from headstart.engine.fit import fit\n    return fit\n")
    with (copy / "data" / "rows.py").open("a") as file:
        file.write("\nimport headstart.models.model\n")
    assert upward(copy) == ["data/rows.py imports models", "strategies/full.py imports engine"]


def test_no_file_is_long() -> None:
    long = {
        str(file.relative_to(SOURCE)): count
        for file in SOURCE.rglob("*.py")
        if (count := len(file.read_text().splitlines())) > 400
    }
    assert long == {}


def test_only_the_command_prints() -> None:
    printing = [
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if file.relative_to(SOURCE).parts[0] != "cli"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
