"""A search that is killed in any phase comes to the same end; two processes share one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headstart as hs

SCRIPT = Path(__file__).with_name("search_once.py")
PHASES = ("search:", "a first model", "fine-tuning", "at step", "chosen:", "run:")


def begin(data: Path, out: Path, sources: list[str]) -> subprocess.Popen[str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(data), str(out), *sources]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def whole(data: Path, out: Path, sources: list[str]) -> None:
    with begin(data, out, sources) as process:
        process.communicate()
    assert process.returncode == 0


@pytest.fixture
def data(task, here) -> Path:
    np.savez(here / "data.npz", rows=task[0], labels=np.array(task[1]))
    return here / "data.npz"


def chosen(out: Path) -> str:
    return json.loads((out / "search.json").read_text())["chosen"]["name"]


@pytest.mark.slow
def test_killed_in_each_phase_it_comes_to_the_same_end(data: Path, sources: list[str], here: Path, task) -> None:
    whole(data, here / "whole", sources)
    for phase in PHASES:
        with begin(data, here / "cut", sources) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if phase in line:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL, phase
    whole(data, here / "cut", sources)
    assert chosen(here / "cut") == chosen(here / "whole")
    answers = [list(map(str, hs.load(here / name).predict(task[0]))) for name in ("whole", "cut")]
    assert answers[0] == answers[1]


@pytest.mark.slow
def test_two_processes_share_one_search(data: Path, sources: list[str], here: Path) -> None:
    whole(data, here / "alone", sources)
    both = [begin(data, here / "shared", sources) for _ in range(2)]
    told = [process.communicate()[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 0], told
    assert all("finished" in text for text in told)
    assert chosen(here / "shared") == chosen(here / "alone")
    trained = [sum(" at step " in line and ": " in line for line in text.splitlines()) for text in told]
    once = len(json.loads((here / "alone" / "search.json").read_text())["gains"])
    assert sum(trained) >= once and all(trained), trained
