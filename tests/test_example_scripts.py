"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.datasets import load_digits

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow  # a whole run
def test_several_tasks(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "several_tasks.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Run runs/price_let-linear_probe-1" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Name: let")


@pytest.mark.slow  # a whole run of 400 steps
def test_fit_folder(tmp_path: Path) -> None:
    digits: Any = load_digits()
    for place in range(300):
        path = tmp_path / "data" / ("train" if place < 100 else "test") / str(digits.target[place]) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[place] * 15).astype("uint8")).save(path)
    command = [sys.executable, str(EXAMPLES / "fit_folder.py"), str(tmp_path / "data"), "digits:cnn"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of 200 right" in done.stdout
    assert "with the classes ('0', '1', '2'," in done.stdout
