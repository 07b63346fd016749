"""Backbone, head and model: pooling, passing of features, and what is frozen."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Features, LossOptions, Task
from headstart.models.load import load_source
from headstart.models.model import Head, Model
from headstart.models.pooling import mean_over_tokens, pool

TARGET = Task.of("image", "multiclass", ("file",), ("label",), ("a", "b", "c")).target
TOKENS = torch.arange(12.0).reshape(2, 3, 2)
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


def _model() -> Model:
    backbone = load_source("digits:cnn")
    return Model(backbone, {"target": Head(nn.Linear(backbone.dim, 3), TARGET)})


def test_mean_counts_only_tokens_of_the_mask():
    assert mean_over_tokens(TOKENS, MASK).tolist() == [[1.0, 2.0], [8.0, 9.0]]
    assert mean_over_tokens(TOKENS, None).tolist() == [[2.0, 3.0], [8.0, 9.0]]
    assert mean_over_tokens(TOKENS, torch.zeros(2, 3)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_pooling():
    features = Features(pooled=torch.zeros(2, 2), tokens=TOKENS, mask=MASK)
    assert torch.equal(pool(features, "auto"), torch.zeros(2, 2))
    assert torch.equal(pool(features, "cls"), TOKENS[:, 0])
    assert torch.equal(pool(features, "mean"), mean_over_tokens(TOKENS, MASK))
    with pytest.raises(UsageError, match="that gives tokens"):
        pool(Features(pooled=torch.zeros(2, 2)), "cls")


def test_features_computed_before_pass_through():
    model = _model().eval()
    x = torch.rand(4, 1, 16, 16)
    features = model.features(x)
    assert model.features(features) is features
    assert torch.equal(model(features), model(x))


def test_head_loss_and_decode():
    model = _model()
    out = torch.zeros(2, 3)
    assert model.head.loss(out, torch.tensor([0, 2])).item() == pytest.approx(1.0986, abs=1e-4)
    assert model.head.decode(out)[0].tolist() == pytest.approx([1 / 3] * 3)
    weighted = model.head.loss(
        torch.tensor([[2.0, 0, 0], [0, 0, 0]]), torch.tensor([0, 1]), LossOptions(class_weights=(9, 1, 1))
    )
    assert weighted.item() == pytest.approx((9 * 0.2395 + 1.0986) / 10, abs=1e-4)


def test_stage_parameters_are_the_backbone():
    model = _model()
    staged = [p for parameters in model.stage_parameters().values() for p in parameters]
    assert {id(p) for p in staged} == {id(p) for p in model.backbone.parameters()}


def test_what_is_frozen_is_in_evaluation_mode():
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout()), nn.Linear(2, 2), nn.Dropout())
    backbone = load_source("digits:cnn")
    backbone.add_module("net", net)
    model = Model(backbone, {"target": Head(nn.Linear(2, 3), TARGET)})
    model.requires_grad_(False)
    net[1].requires_grad_(True)
    model.train_learning()
    assert not any(module.training for module in net[0].modules())
    assert net[1].training
    assert not model.head.training
