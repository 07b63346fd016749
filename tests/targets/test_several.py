"""Several targets, and none: read from one table, one head each, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import toys
from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import plugins
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, Recipe, TargetPlan
from headstart.core.types import ForwardPass, LossOptions
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.models.load import load_source
from headstart.runs.network import build_model
from headstart.runs.plan import make_plan

RNG = np.random.default_rng(0)
SETTINGS = {"data.targets.mood.labels": "mood", "data.targets.size.labels": "size"}
TWO = Recipe().with_settings(SETTINGS)


def table() -> pd.DataFrame:
    frame = pd.DataFrame(RNG.normal(size=(80, 6)), columns=list("abcdef"))
    return frame.assign(mood=["glad", "glad", "glad", "sad"] * 20, size=10 * frame["a"] + 50)


def two() -> Dataset:
    return read(table(), TWO.data)


def test_a_recipe_names_them_and_comes_back_from_toml() -> None:
    assert TWO.data.targets == {"mood": TargetPlan(("mood",)), "size": TargetPlan(("size",))}
    recipe = TWO.with_settings({"data.targets.mood.task": "binary", "data.targets.size.labels": ["size", "weight"]})
    assert recipe.data.by_target["mood"].task == "binary" and recipe.data.by_target["size"].labels == ("size", "weight")
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert "targets" not in Recipe().to_plain()["data"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**SETTINGS, "data.labels": "mood"}, "labels, task, separator and parents are for a single target"),
        ({"data.targets.mood.lables": "mood"}, "Did you mean 'labels'"),
        ({"data.targets.mood.task": "binary"}, "the target 'mood' needs its label columns"),
        ({"data.targets.the mood.labels": "mood"}, "a target's name is a word"),
    ],
)
def test_a_recipe_that_is_not_right_says_so(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recipe().with_settings(settings)


def test_they_are_read_from_one_table() -> None:
    data = two()
    assert [(name, *spec) for name, spec in kinds(data).items()] == [
        ("mood", "binary", ("glad", "sad")),
        ("size", "regression", ()),
    ]
    assert data.task.inputs == tuple("abcdef")
    labels = data.splits["train"].labels
    assert labels["mood"].dtype == np.int64 and labels["size"].shape == (len(data.splits["train"]), 1)
    assert "label of mood: column 'mood', 2 classes (glad, sad), read as binary" in data.notes
    assert any("balanced by class" in note for note in data.notes)  # of the first target that has classes


def kinds(data: Dataset) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (type(t).__module__.rpartition(".")[2], t.classes) for name, t in data.task.targets.items()}


def test_what_is_wrong_with_any_of_them_comes_in_one_error() -> None:
    frame = table().astype(object)
    frame.loc[3, "mood"], frame.loc[5, "size"] = None, None
    with pytest.raises(DataError) as caught:
        read(frame, TWO.data)
    assert [problem.where for problem in caught.value.problems] == ["all[3]", "all[5]"]


def test_labels_of_each_are_in_the_fingerprint() -> None:
    frame = table()
    other = frame.assign(size=frame["size"].where(frame.index != 7, 99.0))
    assert read(frame, TWO.data).fingerprint != read(other, TWO.data).fingerprint


def test_a_model_with_two_heads_is_saved_and_loaded(tmp_path: Path) -> None:
    data = two()
    model = build_model(TWO, data, load_source("vector:mlp", {"dim": 6, "width": 16}))
    out = model(torch.zeros(3, 6))
    assert {name: tuple(each.shape) for name, each in out.items()} == {"mood": (3, 2), "size": (3, 1)}
    mean = float(data.splits["train"].labels["size"].mean())
    size = model.by_target()["size"]
    assert float(size.decode(torch.zeros(1, 1))) == pytest.approx(mean), "the head starts in the labels' unit"
    with pytest.raises(UsageError, match=r"2 heads \(mood, size\)"):
        _ = model.head
    save(tmp_path / "model", model, data.task, TWO, fingerprint="toy", precision="float32")
    loaded = load(tmp_path / "model", device="cpu")
    assert loaded.task == data.task
    assert toys.moved(toys.snapshot(model), loaded.model) == set()
    start = load_source(f"run:{tmp_path / 'model'}")
    assert start.source_classifier is not None and start.card.labels == ("glad", "sad")


def test_a_name_that_torch_keeps_for_itself_is_refused() -> None:
    data = read(table(), DataPlan(targets={"type": TargetPlan(("mood",))}))
    with pytest.raises(UsageError, match=r"'type'.*Name it otherwise"):
        build_model(Recipe(), data, toys.tiny())


def test_making_up_for_rare_classes_goes_to_the_targets_that_have_some() -> None:
    data = two()
    assert make_plan(Recipe().with_settings({"stages.0.imbalance": "weights"}), data)
    chosen = make_plan(Recipe().with_settings({"stages.0.imbalance": "auto"}), data)
    assert chosen.recipe.stages[0].imbalance == "logit_adjust"


def test_a_strategy_for_classes_works_for_every_target_that_has_them() -> None:
    data = two()
    model = build_model(TWO, data, toys.tiny())
    tuning = plugins.build("strategies", "bi_tuning", {}).prepare(model)
    learning = {id(parameter) for group in tuning.groups for parameter in group.params}
    assert all(id(parameter) in learning for parameter in model.heads.parameters())
    x = torch.randn(8, 6)
    labels = {"mood": torch.arange(8) % 2, "size": torch.randn(8, 1)}
    assert tuning.watch is not None
    assert tuning.watch([ForwardPass(x, model.features(x), labels)]).item() > 0
    assert tuning.watch([ForwardPass(x, model.features(x), {"size": labels["size"]})]).item() == 0


def test_nothing_but_numbers_is_refused_by_them() -> None:
    model = build_model(
        Recipe(), read(table(), DataPlan(inputs=("a", "b", "c", "d", "e", "f"), labels=("size",))), toys.tiny()
    )
    with pytest.raises(UsageError, match="bi_tuning needs a task of one class a row"):
        plugins.build("strategies", "bi_tuning", {}).prepare(model)


def test_pretraining_needs_no_labels_and_has_no_head(tmp_path: Path) -> None:
    recipe = Recipe().with_settings({"data.task": "none"})
    assert recipe.data.task == "none" and Recipe.from_toml(recipe.to_toml()) == recipe
    data = read(table().drop(columns=["mood", "size"]), recipe.data)
    assert data.task.predicted == {} and data.task.kind == "none"
    assert all(rows.labels == {} and rows.y is None for rows in data.splits.values())
    assert any("too few to choose a step by; all rows learn" in note for note in data.notes)
    assert read((np.ones((20, 3)) * np.arange(20)[:, None], [0, 1] * 10), recipe.data).task.inputs == ("x",)
    backbone: Any = load_source("vector:mlp", {"dim": 6, "width": 16})
    model = build_model(recipe, data, backbone)
    assert model(torch.zeros(2, 6)) == {} and model.features(torch.zeros(2, 6))["pooled"].shape == (2, backbone.dim)
    with pytest.raises(UsageError, match="no head"):
        _ = model.head
    save(tmp_path / "model", model, data.task, recipe, fingerprint="toy", precision="float32")
    assert load(tmp_path / "model", device="cpu").task == data.task
    with pytest.raises(UsageError, match="has no label column; mood is named as one"):
        read(table(), DataPlan(task="none", labels=("mood",)))


def test_a_loss_must_fit_every_target() -> None:
    with pytest.raises(UsageError, match="label_smoothing is for classes"):
        for target in two().task.predicted.values():
            target.check_loss(LossOptions(label_smoothing=0.1))
