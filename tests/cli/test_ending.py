"""The process of the command ends at once, with its own exit code and with all that it printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "headstart"]
FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("arguments", "code", "out", "error"),
    [(["--version"], 0, "\n", ""), (["list", "metrics"], 0, "accuracy", ""), (["fit", "nix"], 2, "", "nix")],
)
def test_what_was_printed_arrives_and_the_code_is_kept(arguments: list[str], code: int, out: str, error: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert out in done.stdout and error in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason=f"no {FULL} here")
def test_output_that_could_not_be_written_is_an_error() -> None:
    with FULL.open("w", encoding="utf-8") as full:
        done = subprocess.run([*COMMAND, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "No space left on device" in done.stderr


def test_a_traceback_ends_with_code_1() -> None:
    script = "import headstart.cli.main as m; m.app = lambda *a, **k: 1 / 0; m.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason=f"no {FULL} here")
def test_output_that_is_lost_at_the_very_end_is_an_error() -> None:
    script = "import sys, headstart.cli.main as m; m.app = lambda *a, **k: sys.stdout.write('x'); m.main()"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", script]
    with FULL.open("w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered)
    assert done.returncode == 1 and "the output could not be written: No space left on device" in done.stderr
