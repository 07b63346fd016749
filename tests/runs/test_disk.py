"""A run whose disk refuses a file says which, and how to go on; after room is made it ends the same."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

import headstart.runs.fit as runs
import toys
from headstart.core import storage
from headstart.core.errors import DiskError
from headstart.core.interface import command_line
from headstart.core.recipe import Recipe
from headstart.data.rows import Dataset
from headstart.inputs.vector import Vector

RECIPE = Recipe().with_settings(
    {
        "source.name": "vector:mlp",
        "stages.0.strategy.name": "full",
        "stages.0.steps": 4,
        "stages.0.batch_size": 8,
        "checkpoint": 0,
    }
)
FILES = ["model", "metrics.json", "predictions.parquet", "report.json", "run.json", "report.html", "README.md"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return toys.dataset(Vector(6))


@pytest.fixture(scope="module")
def whole(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    runs.fit(data, RECIPE, out=folder)
    return folder


def full(monkeypatch: pytest.MonkeyPatch, name: str, number: int = errno.ENOSPC) -> None:
    """Let the disk refuse whatever is to have this name."""
    for method in ("replace", "rename"):
        real = getattr(Path, method)

        def refuse(self: Path, target: Any, real: Any = real) -> Path:
            if Path(target).name == name and self.name.startswith(".tmp-"):
                raise OSError(number, "the disk refuses")
            return real(self, target)

        monkeypatch.setattr(Path, method, refuse)


@pytest.mark.parametrize("name", FILES)
def test_it_is_told_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, data: Dataset, whole: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    full(monkeypatch, name)
    with pytest.raises(DiskError) as caught:
        runs.fit(data, RECIPE, out=tmp_path / "run")
    text = str(caught.value)
    assert name in text and "No space left on device" in text and "bytes are free there" in text
    assert text.endswith(f"Make room on that volume. Then go on: hs.fit(resume='{tmp_path / 'run'}').")
    monkeypatch.undo()
    runs.fit(data, RECIPE, out=tmp_path / "run")
    weights = "model/model.safetensors"
    assert storage.sha256(tmp_path / "run" / weights) == storage.sha256(whole / weights)
    there = {path.name for path in (tmp_path / "run").iterdir()}
    assert there == {path.name for path in whole.iterdir()} and not [n for n in there if n.startswith(".tmp")]


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_other_refusals_are_told_too(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    full(monkeypatch, "model", number)
    with pytest.raises(DiskError, match="could not be written"), command_line():
        runs.fit(data, RECIPE, out=tmp_path / "run")
    monkeypatch.setattr("headstart.runs.training.save", lambda *_, **__: (_ for _ in ()).throw(OSError(number, "no")))
    with pytest.raises(DiskError, match="Then go on"):
        runs.fit(data, RECIPE, out=tmp_path / "run")
