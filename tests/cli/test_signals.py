"""Claims of a real process that is killed, stopped or cut off from its terminal: nothing is lost, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from headstart.core import storage

# Runs the command; at a call of FUNCTION, number COUNT, the process gets SIGNALS, before or after the call.
HARM = """
import importlib, os, signal, sys, time
from headstart.cli.main import main
module, _, name = sys.argv[1].rpartition(".")
left, signals = int(sys.argv[2]), [int(number) for number in sys.argv[3].split(",")]
module = importlib.import_module(module)
whole = getattr(module, name)
def harmed(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        for number in signals:
            os.kill(os.getpid(), number)
    return whole(*arguments, **options)
setattr(module, name, harmed)
main(sys.argv[4:])
"""
pytestmark = pytest.mark.slow  # each process loads the libraries anew
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table that can be learnt."""
    path = tmp_path_factory.mktemp("table") / "data.csv"
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    frame = pd.DataFrame(rng.normal(size=(120, 6)) + np.eye(6)[labels], columns=list("uvwxyz"))
    frame.assign(label=[f"class {label}" for label in labels]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def start(table: Path) -> Start:
    """Start the command, or the command with harm to come."""

    def begin(out: Path, *harm: str, steps: int = 8) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HARM, *harm] if harm else [sys.executable, "-m", "headstart"]
        command += ["fit", str(table), "--source", "vector:mlp", "--out", str(out), "--steps", str(steps)]
        command += ["--batch-size", "8", "--set", "stages.0.evaluate=4", "--set", "checkpoint=0"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return begin


@pytest.fixture(scope="module")
def whole(start: Start, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hash the weights of an undisturbed run."""
    return finish(start, tmp_path_factory.mktemp("whole") / "run")


def finish(start: Start, out: Path) -> str:
    """Let the command run to its end; give the hash of the weights."""
    process = start(out)
    _, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    assert not list(out.rglob(".tmp-*")), "what a killed writer left is swept"
    return storage.sha256(out / "model" / "model.safetensors")


@pytest.mark.parametrize(("signals", "code"), [("9", -9), ("2,2", 130), ("15,15", 143)])
def test_an_end_within_a_save_tears_nothing(tmp_path: Path, start: Start, whole: str, signals: str, code: int) -> None:
    out = tmp_path / "run"
    process = start(out, "headstart.engine.checkpoint.save_file", "11", signals)  # in the middle of a step's files
    process.communicate(timeout=200)
    assert process.returncode == code
    assert list((out / "checkpoints").glob(".tmp-*"))
    steps = [*(out / "checkpoints").glob("step-*")]
    assert steps
    for path in steps:
        storage.verify(path)
    assert finish(start, out) == whole


@pytest.mark.parametrize(
    "moment",
    [
        "headstart.runs.fit.load_backbone",
        "headstart.runs.fit.observe_before",
        "headstart.runs.fit.evaluate_splits",
        "headstart.runs.fit.write_report",
    ],
)
def test_sigterm_before_and_after_training(tmp_path: Path, start: Start, whole: str, moment: str) -> None:
    out = tmp_path / "run"
    process = start(out, moment, "1", str(int(signal.SIGTERM)))
    _, error = process.communicate(timeout=200)
    assert process.returncode == 143 and "stopped by SIGTERM" in error and "Traceback" not in error
    assert not (out / "lock.json").exists()
    assert finish(start, out) == whole


def test_a_closed_terminal_and_a_pipe_that_nobody_reads_end_no_run(tmp_path: Path, start: Start, whole: str) -> None:
    out = tmp_path / "run"
    process = start(out, "headstart.runs.fit.observe_before", "1", str(int(signal.SIGHUP)))
    assert process.stderr is not None and process.stdout is not None
    process.stderr.readline()
    process.stderr.close()
    process.stdout.read()
    process.stdout.close()
    assert process.wait(200) == 0
    assert storage.sha256(out / "model" / "model.safetensors") == whole
