"""Claim: the stages with the largest relative gradient learn, and looking at the batches changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.inputs.vector import Vector
from headstart.strategies.surgical import Surgical, relative_gradient_norm


@pytest.mark.parametrize(("loud", "quiet"), [("first", "second"), ("second", "first")])
def test_the_stage_with_the_largest_relative_gradient_learns(tmp_path: Path, loud: str, quiet: str) -> None:
    data = toys.dataset(Vector(6))
    backbone = toys.tiny()
    with torch.no_grad():  # large weights: a small share of them is asked to move
        for parameter in getattr(backbone, quiet).parameters():
            parameter.mul_(30.0)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Surgical(k=1))
    assert toys.moved(before, backbone) == {f"{loud}.weight", f"{loud}.bias"}


def test_the_norm() -> None:
    one, other = nn.Parameter(torch.tensor([3.0, 0.0])), nn.Parameter(torch.tensor([4.0]))
    one.grad = torch.tensor([0.0, 10.0])
    assert relative_gradient_norm([one, other]) == pytest.approx(2.0)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    """With a rate of zero nothing may have moved, batch norm statistics of frozen stages included."""
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, Surgical(k=1), stage=Stage(steps=1, batch_size=8, lr=0.0))
    moved = toys.moved(before, model)
    assert all("running" in name or "num_batches" in name for name in moved)
    stages = [("layer" if "layer" in name else "stem") + name.partition("layer")[2][:1] for name in moved]
    assert len(set(stages)) <= 1, "statistics of the one stage that learns"


def test_more_stages_than_there_are() -> None:
    with pytest.raises(UsageError, match="has 2 stages: first, second"):
        Surgical(k=3).prepare(toys.make_model(toys.tiny(), toys.dataset(Vector(6))))


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        Surgical(k=0)
