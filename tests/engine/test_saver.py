"""Claims of saving: a disk that refuses costs nothing that was there, is named in bytes, and is tried again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.errors import StorageError
from headstart.core.recipe import Stage
from headstart.core.types import Event
from headstart.engine import checkpoint
from headstart.engine.saver import Saver
from headstart.inputs.vector import Vector

STAGE = Stage(steps=8, batch_size=8, lr=1e-2, evaluate=2, patience=0)


def train(folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    toys.train(folder, model, data, stage=STAGE, validate=True, checkpoint=0, **options)
    return toys.snapshot(model)


class Disk:
    """A disk that is full between two saves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, full: range) -> None:
        self.saves, self.full, self.whole = 0, full, checkpoint.save_file
        monkeypatch.setattr(checkpoint, "save_file", self.save)

    def save(self, tensors: dict[str, torch.Tensor], path: Path) -> None:
        self.saves += 1
        if self.saves in self.full:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        self.whole(tensors, path)


@pytest.mark.parametrize("full", [range(4, 9), range(5, 12), range(3, 100)])
def test_training_goes_on_where_the_disk_is_full_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: range
) -> None:
    whole = train(tmp_path / "whole")
    Disk(monkeypatch, full)
    seen: list[Event] = []
    again = train(tmp_path / "full", listen=seen.append)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    warnings = [event.message for event in seen if event.kind == "warning"]
    assert warnings and "No space left on device" in warnings[0]
    assert "bytes are free there, " in warnings[0] and "are needed. Make room" in warnings[0]
    assert not list((tmp_path / "full" / "checkpoints").glob(".tmp-*"))
    left = [*(tmp_path / "full" / "checkpoints").glob("step-*")]
    assert left and all(checkpoint.load(path).state for path in left)  # what was there before is still there
    if full.stop < 50:  # the disk had room again
        assert (tmp_path / "full" / "checkpoints" / "step-0-0000008").is_dir()


def test_a_best_that_was_held_in_memory_is_written_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, range(1, 2))
    warnings: list[Event] = []
    saver = Saver(tmp_path, every=0, listen=warnings.append)
    tensors = {"w": torch.ones(2)}
    name = saver.save_best(0, 1, tensors)
    tensors["w"] += 1  # training goes on
    assert not (tmp_path / name).exists() and len(warnings) == 1
    assert torch.equal(saver.load_best(name)["w"], torch.ones(2))
    assert saver.save_step(0, 2, {"model": tensors}, {}, best=name) is not None and disk.saves == 3
    assert torch.equal(checkpoint.load(tmp_path / name).parts["model"]["w"], torch.ones(2))


def test_room_is_checked_before_the_first_step_on_the_volume_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(path: Path) -> Any:
        asked.append(path)
        return shutil._ntuple_diskusage(100, 90, 10)

    monkeypatch.setattr("headstart.engine.checkpoint.shutil.disk_usage", usage)
    seen: list[Event] = []
    with pytest.raises(StorageError, match=r"Not enough room .*bytes are needed, 10 are free"):
        train(tmp_path, listen=seen.append)
    assert asked == [tmp_path] and not any(event.kind == "step" for event in seen)


def test_time_between_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("headstart.engine.saver.time.monotonic", lambda: now[0])
    saver = Saver(tmp_path, every=60, listen=lambda event: None)
    assert not saver.due
    now[0] += 60
    assert saver.due
    save = checkpoint.save

    def slow(*arguments: Any) -> None:
        now[0] += 10
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save", slow)
    saver.save_step(0, 1, {}, {}, best=None)
    now[0] += 199
    assert not saver.due  # a save that takes 10 s waits 200 s
    now[0] += 1
    assert saver.due


def test_tied_tensors_are_saved_once_a_name(tmp_path: Path) -> None:
    weight = torch.randn(3, 3)
    checkpoint.save(tmp_path / "tied", {"model": {"a": weight, "b": weight, "c": weight.t()}}, {})
    parts = checkpoint.load(tmp_path / "tied").parts["model"]
    assert torch.equal(parts["a"], weight) and torch.equal(parts["b"], weight) and torch.equal(parts["c"], weight.t())


ON_A_SMALL_VOLUME = """
import shutil, sys
from pathlib import Path
import torch
from test_saver import train
volume = Path(sys.argv[1])

def listen(event):
    if event.kind == "step" and event.values["step"] <= 5:  # from the first: an older step would make way for a new one
        with open(volume / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(512))
            except OSError:
                print("full", shutil.disk_usage(volume).free)
    if event.kind == "step" and event.values["step"] == 6:
        (volume / "filler").unlink()
    if event.kind == "warning":
        print(event.message)

here, there = train(volume / "run", listen=listen), train(Path(sys.argv[2]))
print("equal", all(torch.equal(here[name], there[name]) for name in there))
"""


@pytest.mark.slow
def test_a_volume_that_is_really_full(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    inside = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1" "$4"'  # a mount that only it sees
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*alone, 'mount -t tmpfs tmpfs "$0"', str(volume)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets no user mount a small volume of its own")
    search = os.pathsep.join([str(Path(__file__).parent), *(part for part in sys.path if part)])
    command = [*alone, inside, "sh", str(volume), sys.executable, ON_A_SMALL_VOLUME, str(tmp_path / "whole")]
    environment = {**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "full 0" and lines[-1] == "equal True"
    warnings = [line for line in lines[1:-1] if line != "full 0"]
    assert warnings and all("No space left on device" in line and "bytes" in line for line in warnings)
