"""Claims of the number format of a run: when it is tried, that it is kept, and what is told of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import headstart.runs.fit as runs
import headstart.runs.precision as chosen
import toys
from headstart.artifact.load import load
from headstart.core.recipe import Recipe
from headstart.core.types import Event, silent
from headstart.data.rows import Dataset
from headstart.engine.distributed import World
from headstart.engine.precision import TOLERANCES, Compared
from headstart.estimators.training import train
from headstart.inputs.vector import Vector
from headstart.runs import state
from headstart.runs.folds import cross_validate

CPU = torch.device("cpu")
RECIPE = Recipe().with_settings(
    {
        "device": "cpu",
        "source.name": "vector:mlp",
        "stages.0.strategy.name": "full",
        "stages.0.steps": 6,
        "stages.0.batch_size": 8,
        "stages.0.evaluate": 2,
    }
)
CLOSE = dict.fromkeys(TOLERANCES, 0.001)
FASTER = Compared(CLOSE, 1.5)


@pytest.fixture
def data() -> Dataset:
    return toys.dataset(Vector(6))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Compared]:
    """Let the trial find bfloat16 faster, for a run of any size on any processor; list what was found."""
    made: list[Compared] = []

    def compare(*_: Any) -> Compared:
        made.append(FASTER)
        return FASTER

    monkeypatch.setattr(chosen, "compare_formats", compare)
    monkeypatch.setattr(chosen, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(chosen, "SMALL", 0)
    monkeypatch.setattr(chosen, "LEAST_STEPS", 5)
    return made


def planned(data: Dataset, recipe: Recipe = RECIPE, world: World | None = None, listen: Any = silent) -> str:
    dataset, backbone, plan = runs.prepare(data, recipe)
    return chosen.with_precision(plan, dataset, backbone, CPU, world or World(), listen).recipe.precision


@pytest.mark.parametrize(
    ("found", "precision", "said"),
    [
        (FASTER, "bfloat16", "as a step in bfloat16 is 1.50 times as fast"),
        (Compared(CLOSE, 0.9), "float32", "as a step in bfloat16 would be 0.90 times as fast"),
        (Compared(CLOSE | {"gradient": 0.3}), "float32", "gradient 30.0%"),
    ],
)
def test_what_is_found_is_chosen_and_told(
    data: Dataset, trials: list[Compared], monkeypatch: pytest.MonkeyPatch, found: Compared, precision: str, said: str
) -> None:
    monkeypatch.setattr(chosen, "compare_formats", lambda *_: found)
    events: list[Event] = []
    assert planned(data, listen=events.append) == precision
    (told,) = events
    assert told.kind == "note" and told.message.startswith(f"precision: {precision}, as ") and said in told.message


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"precision": "float32"}, {}),
        ({"stages.0.strategy.name": "linear_probe", "stages.0.optimiser": "solve"}, {}),
        ({"stages.0.steps": 4}, {}),
        ({}, {"SMALL": 10**9}),
        ({}, {"cpu_has_bfloat16": lambda: False}),
    ],
)
def test_nothing_is_tried_where_it_cannot_pay(
    data: Dataset, trials: list[Compared], monkeypatch: pytest.MonkeyPatch, settings: Any, changed: Any
) -> None:
    for name, value in changed.items():
        monkeypatch.setattr(chosen, name, value)
    assert planned(data, RECIPE.with_settings(settings)) == "float32"
    assert not trials


def test_a_format_that_was_asked_for_is_taken(data: Dataset, trials: list[Compared]) -> None:
    assert planned(data, RECIPE.with_settings({"precision": "bfloat16"})) == "bfloat16"
    assert not trials


def test_the_longest_stage_in_which_the_backbone_learns_is_tried(
    data: Dataset, trials: list[Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, Compared | None]] = []

    def compare(_: Any, job: Any, __: Any) -> Compared | None:
        tried.append((job.stage.steps, None if job.stage.steps == 9 else FASTER))
        return tried[-1][1]

    monkeypatch.setattr(chosen, "compare_formats", compare)
    stages = tuple(dataclasses.replace(RECIPE.stages[0], steps=steps) for steps in (6, 9, 7, 4))
    assert planned(data, dataclasses.replace(RECIPE, stages=stages)) == "bfloat16"
    assert tried == [(9, None), (7, FASTER)]


def test_a_lack_of_memory_chooses_float32(
    data: Dataset, trials: list[Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*_: Any) -> Compared:
        raise MemoryError

    monkeypatch.setattr(chosen, "compare_formats", compare)
    assert planned(data) == "float32"
    monkeypatch.setattr(chosen, "compare_formats", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        planned(data)


def test_all_processes_take_what_the_first_one_found(data: Dataset, trials: list[Compared]) -> None:
    class Second(World):
        def from_writer(self, value: Any) -> Any:
            assert value == "float32"
            return "bfloat16"

    assert planned(data, world=Second(1, 2)) == "bfloat16"
    assert not trials


def test_the_format_is_kept_with_the_run_and_its_model(tmp_path: Path, data: Dataset, trials: list[Compared]) -> None:
    recipe = RECIPE.with_settings({"checkpoint": 0})
    whole = runs.fit(data, recipe, out=tmp_path / "whole")
    assert whole.recipe.precision == load(tmp_path / "whole" / "model").precision == "bfloat16"
    assert Recipe.read(tmp_path / "whole" / "recipe.toml").precision == "bfloat16"
    assert "1.50 times as fast" in (tmp_path / "whole" / "report.html").read_text()

    class Cut(BaseException):
        pass

    def cut(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 3:
            raise Cut

    with pytest.raises(Cut):
        runs.fit(data, recipe, out=tmp_path / "cut", listen=cut)
    assert len(trials) == 2
    runs.fit(data, recipe, resume=tmp_path / "cut")
    assert len(trials) == 2
    one, other = (load(tmp_path / name / "model").model.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_folds_take_the_format_of_the_model_of_all_rows(tmp_path: Path, cancer: Path, trials: list[Compared]) -> None:
    result = cross_validate(cancer, RECIPE, k=2, out=tmp_path / "run")
    assert len(trials) == 1
    folds = sorted((result.final.folder / "folds").glob("*/state.json"))
    assert [json.loads(path.read_text())["recipe"]["precision"] for path in folds] == ["bfloat16"] * 2


def test_an_estimator_predicts_in_the_format_that_was_chosen(data: Dataset, trials: list[Compared]) -> None:
    predictor = train(data.splits["train"], None, data.task, RECIPE).predictor
    assert predictor.precision == predictor.recipe.precision == "bfloat16" and len(trials) == 1


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float32"), ("NVIDIA T4", "bfloat16")])
def test_a_run_of_an_earlier_version_goes_on_in_the_format_of_its_device(
    tmp_path: Path, data: Dataset, device: str, precision: str
) -> None:
    now = state.describe(RECIPE, data, device=CPU, processes=1)
    dataclasses.replace(now, made_with=now.made_with | {"device": device}).write(tmp_path)
    read = state.read(tmp_path)
    assert read is not None and read.recipe["precision"] == precision
