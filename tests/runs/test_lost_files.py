"""Each file of a finished run lost or torn: every command says what is wrong and one way that works, and it works."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core import storage
from headstart.core.errors import HeadstartError, UsageError
from headstart.core.interface import command_line
from headstart.core.recipe import Recipe
from headstart.runs.compare import compare
from headstart.runs.report import write_report

SETTINGS = {"stages.0.steps": 3, "stages.0.batch_size": 16, "refit": "no"}
MODEL = ["model/model.json", "model/model.safetensors", "model/manifest.json"]
RESULTS = ["metrics.json", "predictions.parquet", "run.json", "report.json"]
QUICK = ["model/model.json", "metrics.json", "run.json", "recipe.toml"]  # deleted, the others torn; slow is the rest
OTHERS = ["state.json", "recipe.toml", "metrics.jsonl", "report.html", "model/README.md"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a finished run, begun inside it with relative paths."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    frame.assign(label=np.where(frame["a"] > 0, "yes", "no")).to_csv(folder / "data.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        hs.fit("data.csv", source="vector:mlp", strategy="full", settings=SETTINGS, out="run")
    return folder


@pytest.fixture
def run(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(place, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy" / "run"


def predict(run: Path) -> None:
    assert len(hs.load(run).predict([[0.0, 0.0, 0.0]])) == 1


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "predict": predict,
    "evaluate": lambda run: hs.evaluate(run),
    "report": lambda run: write_report(run),
    "compare": lambda run: compare([run, run.with_name("twin")]),
    "resume": lambda run: hs.fit(resume=run),
}


@pytest.mark.parametrize(
    ("name", "torn"),
    [
        pytest.param(name, torn, id=f"{name}-{'torn' if torn else 'deleted'}", marks=() if quick else pytest.mark.slow)
        for name in [*MODEL, *RESULTS, *OTHERS]
        for torn in (False, True)
        for quick in [(name in QUICK) != torn or name == "state.json"]
    ],
)
def test_every_command_works_or_says_one_way_that_does(run: Path, name: str, torn: bool) -> None:
    shutil.copytree(run, run.with_name("twin"))
    weights = storage.sha256(run / "model" / "model.safetensors")
    file = run / name
    if torn:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.unlink()
    for command, give in COMMANDS.items():
        try:
            give(run)
        except HeadstartError as error:
            text = str(error)
            assert Path(name).name in text, (command, text)
            assert f"hs.fit(resume='{run}')" in text or "hs.fit(DATA, recipe=" in text, (command, text)
            assert name == "state.json" or command != "resume", text  # the way that works
    if name != "state.json":
        for give in COMMANDS.values():
            give(run)
        assert storage.sha256(run / "model" / "model.safetensors") == weights
        assert Recipe.read(run / "recipe.toml").stages[0].steps == 3


def test_a_run_that_learnt_the_validation_rows_too_is_made_again_whole(run: Path) -> None:
    hs.fit("data.csv", source="vector:mlp", strategy="full", settings={**SETTINGS, "refit": "yes"}, out="refitted")
    folder = run.with_name("refitted")
    files = {name: (folder / name).read_bytes() for name in ("model/model.safetensors", "metrics.json")}
    (folder / "metrics.json").unlink()
    hs.fit(resume=folder)
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_everything_works_from_another_folder(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hs.evaluate("run").evaluations["test"]
    monkeypatch.chdir(tmp_path)
    for name in ("metrics.json", "model/model.safetensors"):
        (run / name).unlink()
        hs.fit(resume="copy/run")
    assert hs.evaluate("copy/run").evaluations["test"] == before
    assert hs.fit(resume="copy/run").evaluations["test"].metrics["accuracy"] == before.metrics["accuracy"]


def test_data_that_has_moved_is_named_with_how_to_name_it_anew(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(place / "data.csv", tmp_path / "data.csv")
    monkeypatch.chdir(tmp_path)
    hs.fit("data.csv", source="vector:mlp", strategy="full", settings=SETTINGS, out="run")
    (tmp_path / "moved").mkdir()
    (tmp_path / "data.csv").rename("moved/data.csv")
    with pytest.raises(UsageError, match=r"no longer at .*data.csv.*hs.evaluate\('run', DATA\)"):
        hs.evaluate("run")
    with pytest.raises(UsageError, match=r"no longer at .*data.csv.*hs.fit\(DATA, resume='run'\)"):
        hs.fit(resume="run")
    with pytest.raises(UsageError, match=r"headstart evaluate run DATA"), command_line():
        hs.evaluate("run")
    assert hs.fit(tmp_path / "moved" / "data.csv", resume="run").evaluations["test"].rows > 0
    assert hs.evaluate("run", tmp_path / "moved" / "data.csv").evaluations["test"].rows == 60


@pytest.mark.slow
def test_a_source_named_by_a_path_is_found_again(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hs.fit("data.csv", source="run:run", strategy="full", settings=SETTINGS, out="second")
    weights = storage.sha256(run.with_name("second") / "model" / "model.safetensors")
    shutil.rmtree(run.with_name("second") / "model")
    monkeypatch.chdir(tmp_path)
    hs.fit(resume="copy/second")
    assert storage.sha256(run.with_name("second") / "model" / "model.safetensors") == weights
