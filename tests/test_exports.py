"""The public API is exactly what `__all__` lists, and importing the package loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import headstart


def test_every_public_name_is_there() -> None:
    for name in headstart.__all__:
        assert getattr(headstart, name).__name__ == name
    assert set(headstart.__all__) <= set(dir(headstart))


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, headstart; assert not {'torch', 'numpy', 'pandas', 'rich', 'typer'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
