"""An end before the run's names the exact command that goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from headstart.cli import going_on
from headstart.cli import main as command
from headstart.core.errors import LostProcess
from headstart.core.interface import command_line
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event


def test_the_command_has_what_the_run_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with command_line():
        assert going_on.how_to_go_on(Stop()) == ""
        stop = Stop(run="runs/my photos", again={"folds": 5, "repeats": 2})
        assert going_on.how_to_go_on(stop) == " Go on: headstart fit --resume 'runs/my photos' --folds 5 --repeats 2"
        monkeypatch.setenv("WORLD_SIZE", "4")
        told = " Go on: torchrun --nproc-per-node=4 -m headstart fit --resume runs/a"
        assert going_on.how_to_go_on(Stop(run="runs/a")) == told
        monkeypatch.setenv(going_on.RUN_FILE, str(tmp_path / "run"))
        stop, heard = Stop(run="runs/a", again={"processes": 4}), []
        listen = going_on.telling_launcher(stop, heard.append)
        listen(Event("note", "reading"))
        assert not (tmp_path / "run").exists()
        listen(Event("run", "run: runs/a"))
    assert (tmp_path / "run").read_text() == " Go on: headstart fit --resume runs/a --processes 4" and len(heard) == 2


def test_the_step_that_was_saved_last(tmp_path: Path) -> None:
    assert going_on.what_is_saved("") == " Nothing was saved."
    assert going_on.what_is_saved(str(tmp_path)) == " No step was saved yet."
    for name in ("checkpoints/step-0-9", "checkpoints/step-1-2", "checkpoints/.tmp-step-2-0", "checkpoints/start-3"):
        (tmp_path / name).mkdir(parents=True)
    assert going_on.what_is_saved(str(tmp_path)).endswith("checkpoints/step-1-2.")
    (tmp_path / "refit/checkpoints/step-0-1").mkdir(parents=True)
    assert going_on.what_is_saved(str(tmp_path)).endswith("refit/checkpoints/step-0-1.")
    (tmp_path / "folds/0-1/checkpoints/step-0-5").mkdir(parents=True)
    assert going_on.what_is_saved(str(tmp_path)).endswith("folds/0-1/checkpoints/step-0-5.")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what is written to stderr and the exit code, in place of an end."""
    found: list[Any] = []
    monkeypatch.setattr(os, "_exit", found.append)
    monkeypatch.setattr(os, "write", lambda to, text: found.append(text.decode()))
    return found


def test_a_second_signal_ends_at_once_and_says_how_to_go_on(tmp_path: Path, ended: list[Any]) -> None:
    (tmp_path / "checkpoints/step-0-7").mkdir(parents=True)
    stop = Stop(deferred=True, run=str(tmp_path))
    with command_line():
        handle = command._handler(stop)
        handle(signal.SIGINT, None)
        assert not ended
        handle(signal.SIGINT, None)
    saved = f"The last step is saved in {tmp_path}/checkpoints/step-0-7."
    told = f"stopped at once by SIGINT. {saved} Go on: headstart fit --resume {tmp_path}"
    assert ended == [f"\nheadstart: {told}\n", 130]


def test_a_signal_that_the_launcher_passes_on_counts_once(ended: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(going_on.RUN_FILE, "unused")
    handle = command._handler(Stop(deferred=True))
    handle(signal.SIGINT, None)
    handle(signal.SIGINT, None)
    assert not ended
    monkeypatch.setattr(command, "PASSED_ON", 0.0)
    monkeypatch.setenv("RANK", "1")  # only the first process tells
    handle(signal.SIGTERM, None)
    assert ended == [143]


@pytest.mark.parametrize(
    ("error", "rank", "told", "code"),
    [
        (Stopped(signal.SIGINT), "0", "headstart: stopped by SIGINT. Go on: headstart fit --resume runs/a\n", 130),
        (Stopped(signal.SIGTERM), "1", "", 143),
        (LostProcess("Lost."), "1", "headstart: Lost. Go on: headstart fit --resume runs/a\n", 1),
    ],
)
def test_any_end_of_a_run_names_it(
    error: BaseException, rank: str, told: str, code: int, monkeypatch: Any, capsys: Any
) -> None:
    def app(arguments: Any, obj: Stop) -> None:
        obj.run = "runs/a"
        raise error

    monkeypatch.setattr(command, "app", app)
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(SystemExit) as end, command_line():
        command._run([], Stop())
    assert end.value.code == code and capsys.readouterr().err == told


def test_a_run_within_another_goes_on_as_that_one_and_one_that_ended_not_at_all() -> None:
    stop = Stop()
    with stop.working_on("runs/a"):
        with stop.working_on("runs/a/folds/0-0"):
            assert stop.run == "runs/a"
        assert stop.run == "runs/a"
    assert stop.run == ""
    with pytest.raises(LostProcess), stop.working_on("runs/b"):
        raise LostProcess("Lost.")
    assert stop.run == "runs/b"
