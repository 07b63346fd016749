"""The ready recipes in examples/recipes run, each stage from the weights of the one before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.recipe import Recipe
from headstart.core.types import Event
from headstart.runs.fit import fit
from models.surgery.patients import tiny_bert, tiny_gpt

ALL = sorted((Path(__file__).parents[1] / "examples" / "recipes").glob("*.toml"))
TASKS = next(file for file in ALL if file.stem == "three_steps")
TEXTS = next(file for file in ALL if file.stem == "continued_pretraining")
FILES = [
    file for file in ALL if file not in (TASKS, TEXTS) and Recipe.read(file).source is None
]  # the others: tests/test_surgery_runs.py


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recipe_runs(tmp_path: Path, file: Path) -> None:
    recipe = Recipe.read(file)
    settings = {"source.name": "vector:mlp"} | {f"stages.{i}.steps": 20 for i in range(len(recipe.stages))}
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    rows = (rng.normal(size=(90, 6)) + 3 * np.eye(6)[labels]).astype(np.float32)
    seen: list[Event] = []
    run = fit((rows, [f"class {y}" for y in labels]), recipe.with_settings(settings), out=tmp_path, listen=seen.append)
    assert len([event for event in seen if event.kind == "stage"]) == len(recipe.stages)
    accuracy = run.evaluations["test"].metrics["accuracy"].value
    assert accuracy is not None and accuracy > 0.6


def test_a_source_task_teaches_a_target_task(tmp_path: Path) -> None:
    """The target is measured beside being trained alone, and both tasks answer."""
    settings = {"source.name": "vector:mlp", "device": "cpu"} | {f"stages.{i}.steps": 20 for i in range(2)}
    recipe = Recipe.read(TASKS).with_settings(settings)
    rng = np.random.default_rng(0)

    def frame(rows: int, move: float) -> pd.DataFrame:
        labels = np.arange(rows) % 3
        values = rng.normal(size=(rows, 6)) + 3 * np.eye(6)[labels] + move
        return pd.DataFrame(values, columns=list("abcdef")).assign(label=[f"class {y}" for y in labels])

    run = hs.fit(
        {"source": frame(120, 0), "target": frame(60, 0.5)}, recipe=recipe, out=tmp_path / "run", progress=False
    )
    assert list(run.task.targets) == ["source", "target"] and run.gain is not None
    assert set(run.gain.over_alone()) >= {"test:target"}
    accuracy = run.evaluations["test:target"].metrics["accuracy"].value
    assert accuracy is not None and accuracy > 0.6


@pytest.mark.parametrize(("objective", "make"), [("masked", tiny_bert), ("next_token", tiny_gpt)])
def test_texts_without_labels_come_first(tmp_path: Path, objective: str, make: Callable[[Path], object]) -> None:
    """The rows without labels teach the first stage, and the labels the second; the head knows the test texts."""
    make(tmp_path / "net")
    settings = {"source.name": f"hf:{tmp_path / 'net'}", "device": "cpu", "keep_better": "no", "data.validation": 0.0}
    settings |= {"stages.0.steps": 3, "stages.0.objective": objective, "stages.1.steps": 40, "stages.1.lr": 0.01}
    rng = np.random.default_rng(0)

    def texts(rows: int) -> pd.DataFrame:
        labels = [("good", "bad")[row % 2] for row in range(rows)]
        return pd.DataFrame(
            {"text": [" ".join([y, *rng.choice(["the", "virus"], 6)]) for y in labels], "label": labels}
        )

    data = {"train": texts(60), "test": texts(40), "unlabelled": texts(50)[["text"]]}
    seen: list[Event] = []
    recipe = Recipe.read(TEXTS).with_settings(settings)
    run = hs.fit(data, recipe=recipe, out=tmp_path / "run", progress=False, listen=seen.append)
    assert [stage.objective.name for stage in run.recipe.stages] == [objective, "supervised"]
    assert not any("are not used" in event.message for event in seen)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [*next(line["losses"] for line in lines if "losses" in line)] == ["tokens"]
    accuracy = run.evaluations["test"].metrics["accuracy"].value
    assert accuracy is not None and accuracy > 0.8


def test_there_are_recipes() -> None:
    assert {"lp_ft", "gradual", "embed_then_classify"} <= {file.stem for file in FILES}
