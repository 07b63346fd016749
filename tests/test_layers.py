"""Imports point to a lower rank only; folders of one rank never import each other (docs/architecture.md)."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
RANKS = {
    "core": 0,
    "inputs": 1,
    "drawing": 1,
    "metrics": 1,
    "solvers": 1,
    "transferability": 2,
    "mappings": 2,
    "few_shot": 2,
    "combine": 1,
    "sharing": 4,
    "targets": 2,
    "views": 2,
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
    "selection": 8,
    "estimators": 9,
    "cli": 9,
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


def modules_imported(file: Path) -> set[str]:
    """Return the modules that a file imports when it runs, inside functions too, but not for type checkers alone."""
    found: set[str] = set()
    open_nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            open_nodes += node.orelse
        else:
            open_nodes += ast.iter_child_nodes(node)
    return found


def circles(root: Path) -> list[set[str]]:
    """List the sets of modules that import one another, at once or by way of others."""
    files = {}
    for file in root.rglob("*.py"):
        name = ".".join([root.name, *file.relative_to(root).with_suffix("").parts])
        files[name.removesuffix(".__init__")] = file
    imported = {name: (modules_imported(file) & files.keys()) - {name} for name, file in files.items()}
    reached: dict[str, set[str]] = {}
    for name in files:
        seen, open_names = set(), [*imported[name]]
        while open_names:
            if (other := open_names.pop()) not in seen:
                seen.add(other)
                open_names += imported[other]
        reached[name] = seen
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in files}
    return sorted((set(circle) for circle in found if circle), key=min)


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(SOURCE) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    guard = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import"
    for name, text in {
        "a": "def late():\n    import headstart.b",
        "b": "if True:\n    from headstart import c",
        "c": "from headstart.sub.d import x",
        "sub/d": f"{guard} headstart.c\nelse:\n    import headstart.a",
        "e": "import headstart.a, headstart.f",
        "f": f"{guard} headstart.e",
    }.items():
        file = tmp_path / "headstart" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert circles(tmp_path / "headstart") == [{f"headstart.{name}" for name in ("a", "b", "c", "sub.d")}]


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
