"""Claim: where the last stage has lost what the labels need, features of earlier stages are chosen and do the work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone
from headstart.strategies.head2toe import Head2Toe, Select, feature_scores

STAGE = Stage(steps=60, batch_size=8, lr=5e-2)


def forgetful() -> Backbone:
    """Make a network whose last stage gives noise of rank one that says nothing of the class."""
    backbone = toys.tiny()
    with torch.no_grad():
        backbone.second.weight.zero_()
    return backbone


def accuracy(folder: Path, strategy: object) -> float:
    data = toys.dataset(Vector(6), rows=60)
    outcome = toys.train(folder, toys.make_model(forgetful(), data), data, strategy, stage=STAGE, validate=True)  # pyright: ignore
    assert outcome.best is not None
    return outcome.best.value


def test_features_of_earlier_stages_are_used(tmp_path: Path) -> None:
    assert accuracy(tmp_path / "probe", "linear_probe") < 0.5
    assert accuracy(tmp_path / "all", Head2Toe()) > 0.7


def test_the_backbone_stays_and_the_choice_is_standardised(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Head2Toe(), stage=STAGE)
    assert all(torch.equal(backbone.state_dict()[name], tensor) for name, tensor in before.items())
    select = backbone.get_submodule("inserted_head2toe")
    assert isinstance(select, Select)
    assert len(select.index) == backbone.dim == len(set(select.index.tolist()))
    assert select.total > 2 * backbone.dim
    assert min(select.index.tolist()) < select.total - backbone.dim, "none of an earlier stage"
    expects = backbone.card.input
    assert isinstance(expects, Image)
    features = model.eval().features(torch.rand(4, 3, expects.height, expects.width))
    assert features["pooled"].shape == (4, backbone.dim)
    assert features.get("tokens", torch.empty(0)).shape == (4, 1, backbone.dim)


def test_the_lasso_finds_the_features_that_matter() -> None:
    torch.manual_seed(0)
    features, y = torch.randn(200, 50), torch.arange(200) % 2
    features[:, 7] += 2 * y
    features[:, 31] -= 2 * y
    task = toys.task_for(Vector(6), "multiclass", 2)
    head = toys.make_model(toys.tiny(), toys.dataset(Vector(6))).head
    assert len(task.classes) == 2
    assert set(feature_scores(features, y, head, 2, 0.01).topk(2).indices.tolist()) == {7, 31}


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="lasso"):
        Head2Toe(lasso=-1)
