"""Claims: the first line comes before the slow imports, and so does a path that is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("torch", "pandas", "sklearn", "scipy", "pyarrow", "PIL", "timm", "torchvision", "transformers")
FIRST_WORDS = """
import os, sys
from headstart.cli.main import main


class Ends:
    def write(self, text):
        if text.strip():
            slow = [name for name in sys.argv[1].split(",") if name in sys.modules]
            os.write(1, f"{slow} {text.strip()}".encode())
            os._exit(0)

    def flush(self): ...


sys.stderr = Ends()
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fit photos", "reading photos …"),
        ("fit photo", "headstart: There is no file or folder 'photo'. Did you mean"),
        ("fit photos --unlabelled mor", "headstart: There is no file or folder 'mor'."),
        ("predict runs/3 new.jpg", "headstart: There is no folder runs/3."),
        ("evaluate photos", "headstart: photos holds no saved model"),
        ("compare runs/3 runs/4", "headstart: There is no folder runs/3."),
        ("soup runs/3 runs/4 --out soup", "headstart: There is no folder runs/3."),
    ],
)
def test_the_first_words_come_before_the_slow_imports(tmp_path: Path, command: str, said: str) -> None:
    (tmp_path / "photos" / "ants").mkdir(parents=True)
    run = [sys.executable, "-c", FIRST_WORDS, ",".join(SLOW), *command.split()]
    found = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(f"[] {said}"), found.stdout
