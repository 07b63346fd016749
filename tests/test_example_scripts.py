"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from headstart.runs.demo_data import write_digits

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_fit_folder(tmp_path: Path) -> None:
    write_digits(tmp_path / "data", [10], seeds=1)
    folder = str(tmp_path / "data" / "target" / "10-a-class-0")
    command = [sys.executable, str(EXAMPLES / "fit_folder.py"), folder, "digits:cnn"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "test 400 rows Interval(value=" in done.stdout
    assert "with the classes ('5', '6', '7', '8', '9')" in done.stdout
