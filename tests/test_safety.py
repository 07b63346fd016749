"""No call in the source can read a pickle but of known content, run a model's own code, or load YAML with its tags."""

from __future__ import annotations

import ast
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
FORBIDDEN = {
    "torch.load",
    "pickle.load",
    "pickle.loads",
    "joblib.load",
    "yaml.load",
    "yaml.full_load",
    "yaml.unsafe_load",
}
KNOWN = {  # reads files of known hashes alone: tests/models/sources/test_package.py
    "models/packed_network.py": ["torch.load(…, weights_only=True)"]
}
ARGUMENTS = {"allow_pickle", "trust_remote_code"}


def unsafe(tree: ast.AST) -> list[str]:
    """List the calls that could run someone else's code."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "torch.load" and any(ast.unparse(keyword) == "weights_only=True" for keyword in node.keywords):
                found.append("torch.load(…, weights_only=True)")
                continue
            found += [name] if name in FORBIDDEN else []
            found += [
                f"{name}({keyword.arg}=…)"
                for keyword in node.keywords
                if keyword.arg in ARGUMENTS
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            ]
    return found


def test_nothing_in_the_source_can_run_code_from_a_file() -> None:
    wrong = {str(f.relative_to(SOURCE)): unsafe(ast.parse(f.read_text(encoding="utf-8"))) for f in SOURCE.rglob("*.py")}
    assert {file: calls for file, calls in wrong.items() if calls} == KNOWN


def test_such_calls_are_found() -> None:
    code = "torch.load('x')\ntorch.load('x', weights_only=True)\n"
    code += "numpy.load('x', allow_pickle=True)\nf(trust_remote_code=flag)\nyaml.load(t)"
    assert len(unsafe(ast.parse(code))) == 5
