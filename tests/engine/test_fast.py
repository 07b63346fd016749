"""Claim: a pass without gradient over enough rows computes with folded norms, made once and never out of date."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import toys
from headstart.artifact.predictor import Predictor
from headstart.core.recipe import Recipe
from headstart.data.transforms import make_transform
from headstart.engine import fast as fast_module
from headstart.engine.fast import FEW, Fast
from headstart.engine.predict import predict
from headstart.models.model import Backbone, Model


@pytest.fixture
def model() -> Model:
    backbone = toys.small("timm:test_resnet")
    return toys.make_model(backbone, toys.dataset(backbone.card.input))


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[Backbone]:
    """Keep what is folded."""
    made: list[Backbone] = []
    whole = fast_module.folded

    def folded(backbone: Backbone, x: torch.Tensor) -> Backbone:
        made.append(whole(backbone, x))
        return made[-1]

    monkeypatch.setattr(fast_module, "folded", folded)
    return made


def test_a_predictor_folds_once_and_keeps_no_example(model: Model, folds: list[Backbone]) -> None:
    expects = model.backbone.card.input
    predictor = Predictor(model, toys.task_for(expects), Recipe(), "float32", "")
    few, many = toys.examples(expects, FEW - 1), toys.examples(expects, FEW)
    held = predictor._transform._workshop.kept.bytes  # by transforms of equal inputs elsewhere
    predictor.raw_outputs(few)
    assert not folds
    first, second = (predictor.raw_outputs(many)["target"] for _ in range(2))
    predictor.features(many)
    assert len(folds) == 1 and not any(isinstance(part, nn.BatchNorm2d) for part in folds[0].modules())
    assert np.array_equal(first, second) and predictor._transform._workshop.kept.bytes == held


def test_weights_that_change_are_folded_anew(model: Model, folds: list[Backbone]) -> None:
    rows, transform = toys.examples(model.backbone.card.input, FEW), make_transform(model.backbone.card.input)
    fast = Fast(model)
    before = predict(model, rows, transform, fast=fast)["target"]
    with torch.no_grad():
        for part in model.backbone.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.mul_(1.5)
    after, fresh = (predict(model, rows, transform, fast=each)["target"] for each in (fast, Fast(model)))
    assert len(folds) == 3 and np.array_equal(after, fresh) and not np.array_equal(after, before)


def test_the_copy_shares_what_is_not_folded(model: Model, folds: list[Backbone]) -> None:
    rows, transform = toys.examples(model.backbone.card.input, FEW), make_transform(model.backbone.card.input)
    predict(model, rows, transform)
    own = {tensor.data_ptr() for tensor in model.state_dict().values()}
    convolutions = {f"{name}.weight" for name, part in folds[0].named_modules() if isinstance(part, nn.Conv2d)}
    others = {n: p for n, p in folds[0].named_parameters() if n not in convolutions and not n.endswith(".bias")}
    assert all(parameter.data_ptr() in own for parameter in others.values())


def test_bfloat16_is_not_folded(model: Model, folds: list[Backbone]) -> None:
    rows, transform = toys.examples(model.backbone.card.input, FEW), make_transform(model.backbone.card.input)
    predict(model, rows, transform, precision="bfloat16")
    assert not folds


def test_a_computed_weight_is_not_written_to(folds: list[Backbone]) -> None:
    """As `dora` on convolutions: the weight of such a layer belongs to a parametrisation."""
    backbone = toys.small("timm:test_resnet")
    convolution = next(part for part in backbone.modules() if isinstance(part, nn.Conv2d))
    nn.utils.parametrizations.weight_norm(convolution)
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    rows, transform = toys.examples(backbone.card.input, FEW), make_transform(backbone.card.input)
    before = toys.snapshot(model)
    plain = np.concatenate([predict(model, rows.take([place]), transform)["target"] for place in range(len(rows))])
    assert np.abs(predict(model, rows, transform)["target"] - plain).max() < 1e-5
    assert folds and not toys.moved(before, model)
