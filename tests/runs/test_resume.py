"""Claims of a run that goes on: of itself or by name, as what it was begun, to the very same files; and real kills."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart.runs.fit as runs
import toys
from headstart.core import storage
from headstart.core.errors import StorageError, UsageError
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Task
from headstart.data.rows import Dataset
from headstart.inputs.vector import Vector
from headstart.runs import state, training

RECIPE = Recipe().with_settings(
    {
        "source.name": "vector:mlp",
        "stages.0.strategy.name": "full",
        "stages.0.steps": 6,
        "stages.0.batch_size": 8,
        "stages.0.evaluate": 2,
        "checkpoint": 0,
    }
)


@pytest.fixture
def data() -> Dataset:
    return toys.dataset(Vector(6))


class Cut(BaseException):
    """The process is gone."""


def cut_at(step: int) -> Any:
    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == step:
            raise Cut

    return listen


def sha(folder: Path) -> str:
    return storage.sha256(folder / "model" / "model.safetensors")


def test_a_run_goes_on_of_itself_and_by_name(tmp_path: Path, data: Dataset) -> None:
    whole = runs.fit(data, RECIPE, out=tmp_path / "whole")
    ways: dict[str, Any] = {"out": {"out": tmp_path / "out"}, "resume": {"resume": tmp_path / "resume"}}
    for name, options in ways.items():
        folder = tmp_path / name
        with pytest.raises(Cut):
            runs.fit(data, RECIPE, out=folder, listen=cut_at(4))
        again = runs.fit(data, RECIPE, **options)
        assert sha(folder) == sha(tmp_path / "whole")
        assert again.evaluations == whole.evaluations and again.outcome.steps == 6
        assert state.read(folder).status == "finished"  # type: ignore[union-attr]
        assert not (folder / "checkpoints").exists() and not (folder / "lock.json").exists()


@pytest.mark.parametrize("place", ["save", "evaluate_splits", "write_results"])
def test_a_run_that_was_cut_off_after_training_is_finished(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def cut(*_: Any, **__: Any) -> None:
        raise Cut

    runs.fit(data, RECIPE, out=tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(Cut):
        patched.setattr(training if place == "save" else runs, place, cut)
        runs.fit(data, RECIPE, out=tmp_path / "cut")
    seen: list[Event] = []
    runs.fit(data, RECIPE, resume=tmp_path / "cut", listen=seen.append)
    assert not any(event.kind == "step" for event in seen)
    assert sha(tmp_path / "cut") == sha(tmp_path / "whole")
    names = [{path.name for path in (tmp_path / folder).iterdir()} for folder in ("whole", "cut")]
    assert names[0] == names[1]


def test_a_finished_run_is_not_begun_again(tmp_path: Path, data: Dataset) -> None:
    whole = runs.fit(data, RECIPE, out=tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="holds a finished run"):
        runs.fit(data, RECIPE, out=tmp_path / "run")
    again = runs.fit(data, RECIPE, resume=tmp_path / "run")
    assert again.evaluations == whole.evaluations and again.outcome == whole.outcome
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}


def test_another_recipe_other_data_or_other_classes_are_refused_with_the_difference(
    tmp_path: Path, data: Dataset
) -> None:
    with pytest.raises(Cut):
        runs.fit(data, RECIPE, out=tmp_path / "run", listen=cut_at(4))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    recipe = RECIPE.with_settings({"stages.0.lr": 0.5, "seed": 3})
    with pytest.raises(UsageError, match=r"seed: 0 -> 3\n  stages\.0\.lr: [\d.e-]+ -> 0\.5\n"):
        runs.fit(data, recipe, out=tmp_path / "run")
    task = Task.of("vector", data.task.kind, data.task.inputs, data.task.labels, ("a", "b", "new"))
    changed = dataclasses.replace(data, task=task, fingerprint="another")
    with pytest.raises(UsageError, match=r"classes: -c, \+new\n  data: the rows or their labels have changed"):
        runs.fit(changed, RECIPE, resume=tmp_path / "run")
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}


def test_workers_and_the_interval_may_change(tmp_path: Path, data: Dataset) -> None:
    runs.fit(data, RECIPE, out=tmp_path / "whole")
    with pytest.raises(Cut):
        runs.fit(data, RECIPE, out=tmp_path / "run", listen=cut_at(4))
    runs.fit(data, RECIPE.with_settings({"workers": 0, "checkpoint": 9}), out=tmp_path / "run")
    assert sha(tmp_path / "run") == sha(tmp_path / "whole")


def test_another_number_of_threads_is_warned_of(tmp_path: Path, data: Dataset) -> None:
    with pytest.raises(Cut):
        runs.fit(data, RECIPE, out=tmp_path / "run", listen=cut_at(4))
    path = tmp_path / "run" / "state.json"
    plain = json.loads(path.read_text())
    plain["made_with"]["threads"] = 99
    path.write_text(json.dumps(plain))
    seen: list[Event] = []
    runs.fit(data, RECIPE, out=tmp_path / "run", listen=seen.append)
    assert any("began with threads 99" in event.message for event in seen if event.kind == "warning")


def test_a_state_of_another_version_is_refused(tmp_path: Path, data: Dataset) -> None:
    (tmp_path / "state.json").write_text('{"format": 7}')
    with pytest.raises(StorageError, match="format 7; this Headstart reads 1"):
        runs.fit(data, RECIPE, out=tmp_path)


def test_a_folder_without_a_run_cannot_go_on(tmp_path: Path, data: Dataset) -> None:
    with pytest.raises(UsageError, match="holds no run to go on with"):
        runs.fit(data, RECIPE, resume=tmp_path)


def test_a_folder_that_cannot_be_made_is_named_before_training(tmp_path: Path, data: Dataset) -> None:
    (tmp_path / "file").touch()
    seen: list[Event] = []
    with pytest.raises(StorageError, match="cannot be made"):
        runs.fit(data, RECIPE, out=tmp_path / "file" / "run", listen=seen.append)
    assert not any(event.kind == "step" for event in seen)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EDQUOT, "quota exceeded"), (errno.EROFS, "Read-only"), (errno.EACCES, "denied")]
)
@pytest.mark.parametrize(
    "refused",
    ["filelock.FileLock.__enter__", "headstart.core.lock.write_text", "headstart.runs.folder.storage.write_text"],
)
def test_a_folder_that_takes_no_files_is_named_before_training(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch, number: int, words: str, refused: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(refused, refuse)
    seen: list[Event] = []
    with pytest.raises(StorageError, match=f"run cannot be written to: .*{words}"):
        runs.fit(data, RECIPE, out=tmp_path / "run", listen=seen.append)
    assert not any(event.kind in ("stage", "step") for event in seen)


def test_a_model_that_cannot_be_saved_is_an_error(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("headstart.artifact.save.save_file", full)
    with pytest.raises(StorageError, match="No space left"):
        runs.fit(data, RECIPE, out=tmp_path / "run")
    monkeypatch.undo()
    assert runs.fit(data, RECIPE, out=tmp_path / "run").outcome.steps == 6


def test_a_stop_is_saved_and_gone_on_from(tmp_path: Path, data: Dataset) -> None:
    runs.fit(data, RECIPE, out=tmp_path / "whole")
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            stop.request(signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        runs.fit(data, RECIPE.with_settings({"checkpoint": 600}), out=tmp_path / "run", listen=listen, stop=stop)
    assert Path(stopped.value.saved).name == "step-0-0000003"
    runs.fit(data, RECIPE, out=tmp_path / "run")
    assert sha(tmp_path / "run") == sha(tmp_path / "whole")


def write_table(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    frame = pd.DataFrame(rng.normal(size=(120, 6)) + np.eye(6)[labels], columns=list("uvwxyz"))
    frame.assign(label=[f"class {label}" for label in labels]).to_csv(folder / "data.csv", index=False)
    return folder / "data.csv"


def start(table: Path, out: Path, *options: str, steps: int = 400) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "headstart", "fit", str(table), "--source", "vector:mlp", "--out", str(out)]
    command += ["--steps", str(steps), "--batch-size", "8", "--set", "stages.0.evaluate=40", "--set", "checkpoint=0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)


def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process, close its pipe, and give its exit code."""
    process.communicate()
    return process.returncode


def wait_for(condition: Any, process: subprocess.Popen[bytes], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.slow
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    table = write_table(tmp_path)
    assert ended(start(table, tmp_path / "whole")) == 0
    rng = random.Random(0)
    for _ in range(4):
        if (tmp_path / "cut" / "run.json").exists():  # the run was faster than the kills
            break
        process = start(table, tmp_path / "cut")
        begun = tmp_path / "cut" / "checkpoints"
        count = len(list(begun.glob("step*")))
        wait_for(lambda begun=begun, count=count: len(list(begun.glob("step*"))) > count, process)
        time.sleep(rng.uniform(0, 1))
        process.kill()
        process.communicate()
    assert ended(start(table, tmp_path / "cut", "--resume", str(tmp_path / "cut"))) == 0  # also where it is finished
    assert sha(tmp_path / "cut") == sha(tmp_path / "whole")
    assert not list(tmp_path.rglob(".tmp-*"))


@pytest.mark.slow
def test_sigterm_saves_and_exits_143_and_a_second_process_is_refused(tmp_path: Path) -> None:
    table = write_table(tmp_path)
    process = start(table, tmp_path / "run", steps=10**6)
    wait_for(lambda: list((tmp_path / "run").glob("checkpoints/step*")), process)
    second = start(table, tmp_path / "run", steps=10**6)
    assert second.communicate()[1].decode().count(f"in use by process {process.pid}") == 1 and second.returncode == 1
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 143 and "The last step is saved in" in error
    assert not (tmp_path / "run" / "lock.json").exists()
