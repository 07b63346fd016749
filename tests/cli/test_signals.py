"""Claims of a real process that is killed, stopped or cut off from its terminal: nothing is lost, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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

    def begin(out: Path, *harm: str, steps: int = 8, processes: int = 1) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HARM, *harm] if harm else [sys.executable, "-m", "headstart"]
        command += ["fit", str(table), "--source", "vector:mlp", "--out", str(out), "--steps", str(steps)]
        command += ["--batch-size", "8", "--set", "stages.0.evaluate=4", "--set", "checkpoint=0"]
        command += ["--processes", str(processes)] if processes > 1 else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True)

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
    _, error = process.communicate(timeout=200)
    assert process.returncode == code
    if code > 0:
        step = sorted((out / "checkpoints").glob("step-*"))[-1]
        name = signal.Signals(code - 128).name
        said = f"stopped at once by {name}. The last step is saved in {step}. Go on: headstart fit --resume {out}"
        assert error.splitlines()[-1] == f"headstart: {said}"
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
    begun = not moment.endswith("load_backbone")
    assert error.rstrip().endswith(f"stopped by SIGTERM.{f' Go on: headstart fit --resume {out}' if begun else ''}")
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


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_of_several_is_told_with_the_command_that_goes_on(
    tmp_path: Path, start: Start, lost: int
) -> None:
    out = tmp_path / "run"
    process = start(out, steps=10**6, processes=2)
    told = _children(process.pid, out)
    os.kill(told[lost], signal.SIGKILL)
    _, error = process.communicate(timeout=200)
    go_on = f"Go on: headstart fit --resume {out} --processes 2"
    assert process.returncode == 137
    assert error.splitlines()[-1] == f"headstart: process {lost} of 2 was ended by SIGKILL. {go_on}"
    assert f"Process {1 - lost} of 2 lost touch with another one" in error and "Traceback" not in error


def test_ctrl_c_for_all_processes_saves_once_and_tells_once(tmp_path: Path, start: Start) -> None:
    out = tmp_path / "run"
    process = start(out, steps=10**6, processes=2)
    _children(process.pid, out)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, error = process.communicate(timeout=200)
    told = [line for line in error.splitlines() if line.startswith("headstart: ")]
    assert process.returncode == 130 and len(told) == 1
    assert (
        told[0].endswith(f"Go on: headstart fit --resume {out} --processes 2")
        and "The last step is saved in" in told[0]
    )


def _children(parent: int, out: Path) -> list[int]:
    """Wait until steps are saved; give the processes that train, in order."""
    for _ in range(600):
        if list((out / "checkpoints").glob("step-*")):
            time.sleep(0.5)
            listed = subprocess.run(["pgrep", "-P", str(parent), "-f", "headstart fit"], capture_output=True, text=True)
            return sorted(int(line) for line in listed.stdout.split())
        time.sleep(0.1)
    raise AssertionError("no step was saved")
