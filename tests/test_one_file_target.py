"""A kind of target is one file: ordered classes, dropped into a folder of plug-ins, from a table to predictions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import headstart as hs
import toys
from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import TARGET, Event, Task
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.models.load import load_source
from headstart.models.model import Model

ORDINAL = '''"""One of several ordered classes a row: K - 1 questions "is it above this one?" (for a test)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional

from headstart.targets._classes import OneClass
from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Ordinal(OneClass):
    """One of several ordered classes a row."""

    losses: ClassVar[tuple[str, ...]] = ()
    balances: ClassVar[tuple[str, ...]] = ()

    @property
    def outputs(self):
        return len(self.classes) - 1

    def output(self):
        return _Steps()


class _Steps(Output):
    """Logits [B, K - 1]: the k-th is of a row being above class k, given that it is not below it."""

    def loss(self, out, y, options):
        places = torch.arange(out.shape[1], device=out.device)
        asked = (places <= y[:, None]).float()  # questions that follow a no are not asked
        each = functional.binary_cross_entropy_with_logits(out, (places < y[:, None]).float(), reduction="none")
        return (each * asked).sum(dim=1).mean()

    def decode(self, out):
        above = out.sigmoid()
        reached = torch.cat([torch.ones_like(above[:, :1]), above.cumprod(dim=1)], dim=1)  # [B, K]
        stays = torch.cat([1 - above, torch.ones_like(above[:, :1])], dim=1)
        return reached * stays
'''
STAGE = Stage(steps=120, batch_size=16, lr=2e-2)


@pytest.fixture(autouse=True)
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "plugins" / "targets").mkdir(parents=True)
    (tmp_path / "plugins" / "targets" / "ordinal.py").write_text(ORDINAL)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "plugins"))
    yield
    package, folder = sys.modules["headstart.targets"], str(tmp_path / "plugins" / "targets")
    if folder in package.__path__:
        package.__path__.remove(folder)
    sys.modules.pop("headstart.targets.ordinal", None)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """A table of five numbers, whose first one decides among four ordered classes."""
    numbers = np.random.default_rng(0).normal(size=(240, 6))
    frame = pd.DataFrame(numbers, columns=list("abcdef"))
    frame["stars"] = np.digitize(numbers[:, 0], [-0.7, 0, 0.7]) + 1
    frame.to_csv(tmp_path / "rows.csv", index=False)
    recipe = Recipe().with_settings({"data.task": "ordinal", "data.path": str(tmp_path / "rows.csv")})
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    return read(None, recipe.data)


def probabilities(model: Model, data: Dataset) -> np.ndarray:
    return predict(model, data.splits["test"], make_transform(model.backbone.card.input))[TARGET]


def test_it_is_read_from_a_table(data: Dataset) -> None:
    assert (data.task.kind, data.task.classes, data.task.outputs) == ("ordinal", ("1", "2", "3", "4"), 3)
    assert data.splits["train"].y.dtype == np.int64
    assert "label: column 'stars', 4 classes (1, 2, 3, 4), read as ordinal" in data.notes
    assert any("balanced by class" in note for note in data.notes)
    assert Task.parse(data.task.plain(), "here") == data.task
    assert "ordinal" in plugins.names("targets")


def test_it_learns_is_saved_loaded_and_predicts(tmp_path: Path, data: Dataset) -> None:
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path / "run", model, data, stage=STAGE)
    p = probabilities(model, data)
    assert p.shape == (len(data.splits["test"]), 4) and np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.argmax(axis=1) == data.splits["test"].y).mean() > 0.7
    backbone = load_source("vector:mlp", {"dim": 6, "width": 16})
    model = toys.make_model(backbone, data)
    save(tmp_path / "model", model, data.task, Recipe(), fingerprint="toy", precision="float32")
    loaded = load(tmp_path / "model", device="cpu")
    assert loaded.task == data.task
    assert np.array_equal(probabilities(loaded.model, data), probabilities(model, data))


def test_it_is_evaluated_and_in_the_report(tmp_path: Path, data: Dataset) -> None:
    settings = {"data.task": "ordinal", "stages.0.steps": 60, "stages.0.lr": 2e-2}
    run = hs.fit(tmp_path / "rows.csv", source="vector:mlp", settings=settings, out=tmp_path / "run")
    figures = run.evaluations["test"].metrics
    assert run.evaluations["test"].primary == "accuracy" and (figures["accuracy"].value or 0) > 0.4
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Confusion matrix" in page and "Calibration" in page and "classification, vector input" in page
    assert set(hs.load(tmp_path / "run").predict(tmp_path / "rows.csv")) <= {"1", "2", "3", "4"}
    assert hs.evaluate(tmp_path / "run").evaluations == {
        "test": run.evaluations["test"]
    }  # the validation rows were learnt


def test_it_goes_on_after_a_stop_as_if_there_was_none(tmp_path: Path, data: Dataset) -> None:
    whole = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path / "whole", whole, data, stage=STAGE)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] >= 20:
            stop.signal = 15

    with pytest.raises(Stopped) as stopped:
        toys.train(tmp_path / "cut", toys.make_model(toys.tiny(), data), data, stage=STAGE, stop=stop, listen=listen)
    assert Path(stopped.value.saved).is_dir()
    again = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path / "cut", again, data, stage=STAGE, resume=True)
    assert toys.moved(toys.snapshot(whole), again) == set()


def test_what_does_not_fit_it_is_refused(data: Dataset) -> None:
    from headstart.runs.plan import make_plan

    with pytest.raises(UsageError, match="imbalance 'weights' does not fit the kind 'ordinal'"):
        make_plan(Recipe().with_settings({"stages.0.imbalance": "weights"}), data)
    with pytest.raises(UsageError, match="A ordinal task has one label column"):
        read((np.zeros((4, 2)), np.zeros((4, 2))), DataPlan(task="ordinal"))


def test_strategies_that_need_a_row_a_class_say_so(data: Dataset) -> None:
    with pytest.raises(UsageError, match="rows stand for the classes"):
        plugins.build("strategies", "bi_tuning", {}).prepare(toys.make_model(toys.tiny(), data))
    assert torch.isfinite(toys.make_model(toys.tiny(), data)(torch.zeros(2, 6))).all()
