"""Claims of `headstart fit` that is killed where an objective or a rule has state: resumed, no bit is different."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

STEPS, KILLED = 60, 20
# Runs the command; the last checkpoint, which has the objective's state, stays in the folder.
KEEPING = """
import sys
from headstart.cli.main import main
from headstart.core import storage
remove = storage.remove_folder
storage.remove_folder = lambda path: path.name == "checkpoints" or remove(path)
main(sys.argv[1:])
"""
DANN = ["domains.csv", "--objective", "dann", "--source-domain", "near", "--target-domain", "far"]
OBJECTIVES = {
    "dann": DANN,
    "gradnorm": [*DANN, "--combine", "gradnorm rate=0.2"],
    "nash": [*DANN, "--combine", "nash on=weights"],
    "mean_teacher": ["few.csv", "--objective", "mean_teacher", "--unlabelled", "more.csv"],
    "flexmatch": ["few.csv", "--objective", "flexmatch threshold=0.6", "--unlabelled", "more.csv"],
    "open_set": ["few.csv", "--objective", "fixmatch threshold=0.6 open_set=yes", "--unlabelled", "strange.csv"],
}
TASKS = ["--task", "kind=few.csv", "--task", "price=prices.csv", "--target", "kind"]
OBJECTIVES["tasks"] = [*TASKS, "--combine", "gradnorm rate=0.2"]
STATE = {"tasks": "combine.safetensors"}  # the rule's; the others have modules of their own
LEFT_OUT = "rows without labels look like none of the classes"  # by the network as it started, not as it was killed
pytestmark = pytest.mark.slow  # each process loads the libraries anew


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table of two domains, the second one shifted; one of few rows; and one without labels."""
    path, random = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    labels, domains = np.arange(240) % 4 % 3, np.arange(240) // 4 % 2
    values = random.normal(size=(240, 6)) + 1.5 * np.eye(6)[labels] + 2 * domains[:, None] * np.eye(6)[5]
    rows = pd.DataFrame(values, columns=list("uvwxyz"))
    named = rows.assign(label=[f"class {label}" for label in labels])
    named.assign(domain=np.array(["near", "far"])[domains]).to_csv(path / "domains.csv", index=False)
    named[:80].to_csv(path / "few.csv", index=False)
    rows[80:].to_csv(path / "more.csv", index=False)
    other = pd.DataFrame(random.normal(size=(60, 6)) - 4 * np.eye(6)[4], columns=list("uvwxyz"))
    pd.concat([rows[80:], other]).to_csv(path / "strange.csv", index=False)
    prices = pd.DataFrame(random.normal(size=(90, 6)), columns=list("uvwxyz"))
    prices.assign(label=prices["u"] + prices["w"]).to_csv(path / "prices.csv", index=False)
    return path


def start(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-c", KEEPING, "fit", *words], subprocess.PIPE
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=folder)


def end(process: subprocess.Popen[str]) -> str:
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return " ".join(error.split())


def newest(run: Path) -> Path | None:
    """Find the last step that is saved."""
    return max((run / "checkpoints").glob("step-0-*"), default=None, key=lambda path: path.name)


def step_of(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])


def tensors(folder: Path | None) -> dict[str, dict[str, np.ndarray]]:
    """Read the files of tensors: weights, and of a step also those of the objective and of the optimiser."""
    assert folder is not None
    return {file.name: load_file(file) for file in folder.glob("*.safetensors")}


def logged(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_killed_run_ends_as_one_that_was_not(folder: Path, name: str) -> None:
    whole, cut = folder / f"{name}-whole", folder / f"{name}-cut"
    common = ["--source", "vector:mlp", "--steps", str(STEPS), "--batch-size", "8", "--set", "checkpoint=0"]
    common += ["--set", "stages.0.evaluate=15", "--set", "stages.0.patience=0", "--set", "refit=no"]
    words = [*OBJECTIVES[name], *common, "--out"]
    said = end(start(folder, *words, str(whole)))
    assert (LEFT_OUT in said) == (name == "open_set")
    process = start(folder, *words, str(cut))
    while step_of(newest(cut)) < KILLED:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and KILLED <= step_of(newest(cut)) < STEPS
    then = tensors(newest(cut))[STATE.get(name, "extra.safetensors")]
    end(start(folder, "--resume", str(cut)))
    for one, other in [(newest(whole), newest(cut)), (whole / "model", cut / "model")]:
        expected, found = tensors(one), tensors(other)
        assert {part: {*values} for part, values in expected.items()} == {part: {*v} for part, v in found.items()}
        for part, values in expected.items():
            assert all(np.array_equal(value, found[part][key]) for key, value in values.items()), f"{other} {part}"
    assert logged(whole) == logged(cut)
    ended = tensors(newest(whole))[STATE.get(name, "extra.safetensors")]
    assert any(not np.array_equal(value, then[key]) for key, value in ended.items()), "the state goes on moving"


def test_a_run_that_is_killed_while_a_task_is_trained_alone_measures_the_same_gains(folder: Path) -> None:
    words = [*TASKS, "--source", "vector:mlp", "--strategy", "full", "--steps", "40", "--set", "alone=yes", "--out"]
    whole, cut, place = folder / "alone-whole", folder / "alone-cut", folder / "temporary"
    place.mkdir()
    end(start(folder, *words, str(whole)))
    process = start(folder, *words, str(cut), TMPDIR=str(place))
    while not any(place.glob("headstart-*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not (cut / "run.json").exists()
    end(start(folder, "--resume", str(cut)))
    expected, found = (json.loads((run / "run.json").read_text())["gain"] for run in (whole, cut))
    assert expected == found and list(found["alone"]) == ["test:kind", "test:price"]
