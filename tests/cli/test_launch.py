"""What is wrong with a command is told once, before it is started in several processes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.cli import launch as launching
from headstart.cli.main import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what would be given to torchrun."""
    import torch.distributed.run

    found: list[Any] = []
    monkeypatch.setattr(torch.distributed.run, "run", found.append)
    return found


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "a.csv"
    path.write_text("x,label\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(40)))
    return str(path)


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["headstart", *arguments])
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        ([(1, 5), (-9, 5)], 1),  # killed, and found together with the one that lost it
        ([(1, 5), (-9, 6)], 1),
        ([(-9, 5), (1, 5)], 0),
        ([(1, 5), (-15, 5)], 0),  # stopped by torchrun
        ([(-15, 5), (1, 5)], 1),
        ([(1, 5), (-9, 36)], 0),  # stopped by torchrun when it did not end
        ([(1, 7), (1, 5), (2, 6)], 1),
    ],
)
def test_the_process_that_made_the_others_fail(ends: list[tuple[int, int]], cause: int) -> None:
    failures: dict[int, Any] = {
        number: SimpleNamespace(exitcode=code, timestamp=when) for number, (code, when) in enumerate(ends)
    }
    assert launching._cause(failures)[0] == cause


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--strategy", "ful"], "There is no strategy 'ful'. Did you mean 'full'?"),
        (["--strategy", "partial kk=2"], "called 'kk'"),
        (["--head", "linea"], "There is no head 'linea'"),
        (["--objective", "supervise"], "There is no objective 'supervise'"),
        (["--criterion", "validatoin"], "There is no criterion 'validatoin'"),
        (["--source", "tim:resnet18"], "There is no source 'tim'"),
        (["--augment", "wek"], "There is no view 'wek'"),
        (["--task", "multiclas"], "There is no kind of target 'multiclas'"),
        (["--modality", "imag"], "There is no"),
        (["--reader", "tabel"], "There is no reader 'tabel'"),
        (["--log", "tensorbord"], "There is no tracker 'tensorbord'"),
        (["--device", "cdua"], "cdua"),
        (["--surgery", "cutt after=x"], "There is no"),
    ],
)
def test_a_misspelt_name_starts_no_process(
    options: list[str],
    said: str,
    table: str,
    started: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["fit", table, "--source", "vector:mlp", *options, "--processes", "2"], monkeypatch) == 2
    assert said in capsys.readouterr().err and not started


def test_a_path_that_is_not_there_and_a_folder_that_is_taken_start_none(
    table: str, tmp_path: Path, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["fit", f"{table}x", "--processes", "2"], monkeypatch) == 2
    assert run(["fit", table, "--out", str(tmp_path), "--processes", "2"], monkeypatch) == 2
    assert not started


def test_the_command_goes_to_the_processes_as_it_is(
    table: str, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["fit", table, "--source", "vector:mlp", "--log", "tensorboard", "--processes", "2"]
    monkeypatch.setenv(launching.RUN_FILE, "put back after the test")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert run(arguments, monkeypatch) == 0
    (given,) = started
    assert given.training_script_args == arguments[:-2] and given.training_script == "headstart"
    assert given.nproc_per_node == "2" and given.module and given.standalone
