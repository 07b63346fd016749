"""The mutation check: faults are found where behaviour is and nowhere else, and a verdict is what the tests say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.mutants import Mutant, draw, find_mutants, is_fault
from tools.mutate import copied, source_files, steps_for, try_mutant

FILE = Path("src/headstart/core/planted.py")
PLANTED = '''"""A docstring with 1 and True is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    SIZE = 99

__all__ = ["half"]
Step = Literal[1, 2]
é = 1.5


def half(x: list[int], low: int = 3, *, name: str = "ü, 1", strict: bool = True) -> Literal[5]:
    """Halve."""
    if not x or low >= 10:
        raise ValueError(f"{low + 1} is wrong", 7 > 8)
    assert low < 9
    x.sort()
    listen(f"sorted {low}", 4 == 4)
    x.first = x[1:low]
    low += 2
    return divide(x, low) if low in x and low else None
'''
EXPECTED = {
    (12, "constant", "1.5", "2.5"),
    (12, "constant", "1.5", "(0.5)"),
    (15, "default", "3", "4"),
    (15, "default", "3", "(2)"),
    (15, "default", "True", "False"),
    (17, "and/or", "not x or low >= 10", "(not x and low >= 10)"),
    (17, "condition negated", "not x or low >= 10", "(not (not x or low >= 10))"),
    (17, "not removed", "not x", "(x)"),
    (17, "comparison", "low >= 10", "(low > 10)"),
    (17, "constant", "10", "11"),
    (17, "constant", "10", "(9)"),
    (20, "statement deleted", "x.sort()", "pass"),
    (22, "statement deleted", "x.first = x[1:low]", "pass"),
    (22, "slice", "1", "(1) + 1"),
    (22, "slice", "low", "(low) + 1"),
    (22, "constant", "1", "2"),
    (22, "constant", "1", "(0)"),
    (23, "arithmetic", "low += 2", "low -= 2"),
    (23, "constant", "2", "3"),
    (23, "constant", "2", "(1)"),
    (24, "return", "return divide(x, low) if low in x and low else None", "return None"),
    (24, "arguments swapped", "divide(x, low)", "divide(low, x)"),
    (24, "and/or", "low in x and low", "(low in x or low)"),
    (24, "condition negated", "low in x and low", "(not (low in x and low))"),
    (24, "comparison", "low in x", "(low not in x)"),
}


def test_faults_are_found_where_behaviour_is() -> None:
    assert {(m.line, m.kind, m.before, m.after) for m in find_mutants(FILE, PLANTED.encode())} == EXPECTED


def test_each_mutant_is_another_program() -> None:
    source = PLANTED.encode()
    for mutant in find_mutants(FILE, source):
        changed = mutant.apply(source)
        assert is_fault(mutant, source) and ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))
        assert len(changed) - len(source) == len(mutant.after.encode()) - len(mutant.before.encode())
    assert not is_fault(Mutant(FILE, 1, "none", 0, 0, "", "  "), source)  # it cannot be compiled
    assert not is_fault(Mutant(FILE, 1, "none", len(source), len(source), "", "\n"), source)  # it is the same


def test_a_seed_draws_the_same_mutants_again(tmp_path: Path) -> None:
    plant(tmp_path, PLANTED)
    files = source_files(tmp_path, ["core"])
    assert files == [FILE.parent / "__init__.py", FILE] and source_files(tmp_path, ["core/planted.py"]) == [FILE]
    assert draw(files, tmp_path, 4, 1) == draw(files, tmp_path, 4, 1) != draw(files, tmp_path, 4, 2)
    everything = draw(files, tmp_path, 100, 0)
    assert len(everything) == len({m.line for m in everything}) == len({line for line, *_ in EXPECTED})
    with pytest.raises(SystemExit, match="no src/headstart/cores"):
        source_files(tmp_path, ["cores"])


def test_the_tests_that_mirror_a_file_come_first(tmp_path: Path) -> None:
    plant(tmp_path, PLANTED)
    rest = ["tests", "--ignore=tests/core", "--ignore=tests/tools"]
    folder = ["tests/core", "--ignore=tests/core/test_planted.py"]
    assert steps_for(tmp_path, FILE) == [["tests/core/test_planted.py"], folder, rest]
    assert steps_for(tmp_path, FILE, only_mirrored=True) == [["tests/core/test_planted.py"], folder]
    assert len(steps_for(tmp_path, Path("src/headstart/views/weak.py"), only_mirrored=True)) == 1


def test_a_copy_has_all_but_what_was_made_here(tmp_path: Path) -> None:
    plant(tmp_path, PLANTED)
    for path in ("src/headstart/runs/fit.py", "runs/one/model.json", ".git/config", "src/__pycache__/x.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    with copied(tmp_path) as tree:
        assert (tree / "src/headstart/runs/fit.py").exists() and (tree / "pyproject.toml").exists()
        assert not any((tree / path).exists() for path in ("runs", ".git", "src/__pycache__"))
    assert not tree.exists()


@pytest.mark.slow
def test_a_verdict_is_what_the_tests_say(tmp_path: Path) -> None:
    source = "def count(low, high):\n    while low < high:\n        low += 1\n    return low\n\n\nUNSEEN = 3\n"
    plant(tmp_path, source)
    mutants = {m.after: m for m in find_mutants(FILE, source.encode())}
    killed = try_mutant(mutants["return None"], tmp_path, 60)
    assert (killed.outcome, killed.by) == ("killed", "tests/core/test_planted.py::test_count")
    assert try_mutant(mutants["4"], tmp_path, 60, only_mirrored=True).outcome == "survived"
    assert try_mutant(mutants["low -= 1"], tmp_path, 2).outcome == "timeout"
    assert (tmp_path / FILE).read_text() == source


def plant(root: Path, source: str) -> None:
    """Write a tree with one source file and its test."""
    for path, text in {
        "src/headstart/__init__.py": "",
        "src/headstart/core/__init__.py": "",
        str(FILE): source,
        "tests/core/test_planted.py": "from headstart.core.planted import count\n\n\n"
        "def test_count():\n    assert count(1, 4) == 4\n",
        "pyproject.toml": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
