"""Pairs of examples: the squared error of their cosines, features that part by class, a head that is solved after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.inputs.vector import Vector
from headstart.objectives.contrastive_pairs import ContrastivePairs
from headstart.runs.fit import fit
from headstart.runs.plan import make_plan

FEATURES = torch.tensor([[2.0, 0.0], [3.0, 4.0], [0.0, 5.0]])  # cosines 0.6, 0.8 and 0


def test_the_loss_by_hand() -> None:
    objective = ContrastivePairs()
    alike, unlike = (1 - 0.6) ** 2, (0.8**2 + 0.0**2) / 2
    assert objective.loss(FEATURES, torch.tensor([1, 1, 0])).item() == pytest.approx((alike + unlike) / 2)
    one = ((1 - 0.6) ** 2 + (1 - 0.8) ** 2 + 1) / 3
    assert objective.loss(FEATURES, torch.tensor([2, 2, 2])).item() == pytest.approx(one / 2)
    assert objective.loss(FEATURES, torch.arange(3)).item() == pytest.approx((0.6**2 + 0.8**2) / 3 / 2)


def test_features_part_by_class_and_the_head_stays(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6), "multiclass", rows=48)
    model = toys.make_model(toys.source("vector:mlp"), data)
    before = toys.snapshot(model.head)
    x, y = torch.from_numpy(data.splits["train"].inputs), torch.from_numpy(data.splits["train"].y)

    def apart() -> float:
        with torch.no_grad():
            unit = functional.normalize(model.backbone.eval()(x)["pooled"], dim=1)
        cosines, same = unit @ unit.T, y[:, None] == y
        return float(cosines[same].mean() - cosines[~same].mean())

    first = apart()
    toys.train(tmp_path, model, data, "full", ContrastivePairs(), stage=Stage(steps=40, batch_size=12, lr=1e-2))
    assert apart() > first + 0.3 and not toys.moved(before, model.head)


def test_a_solved_head_follows_and_an_artefact_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = (rng.normal(size=(60, 6)) + 3 * np.eye(6)[labels]).astype(np.float32)
    recipe = Recipe.read(Path(__file__).parents[2] / "examples/recipes/few_sentences.toml")
    recipe = recipe.with_settings({"source": "vector:mlp", "data.test": 0.3})
    run = fit((rows, [f"c{y}" for y in labels]), recipe, out=tmp_path / "run")
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) > 0.6


def test_what_cannot_be_is_refused() -> None:
    data = toys.dataset(Vector(6), "multiclass")
    plain = Recipe().with_settings({"stages.0.objective": "contrastive_pairs", "stages.0.strategy": "full"})
    with pytest.raises(UsageError, match=r"'contrastive_pairs' compares the rows .* accumulate = 2 would cut it"):
        make_plan(plain.with_settings({"stages.0.accumulate": 2}), data)
    model = toys.make_model(toys.source("vector:mlp"), data)
    model.backbone.requires_grad_(False)
    with pytest.raises(UsageError, match="contrastive_pairs needs features that learn"):
        ContrastivePairs().modules(model)
    with pytest.raises(UsageError, match="regression"):
        make_plan(plain, toys.dataset(Vector(6), "regression"))
