"""Claim: a batch of one row trains a network with batch norm, which then keeps to its averages, and it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core.errors import TrainingError
from headstart.core.recipe import Stage
from headstart.core.types import Card, Event, Features
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone


class Normed(Backbone):
    """A layer, a norm, a layer."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.card, self.dim = Card("toy:normed", "toy", 0, Vector(6), "toy", {}), 4
        self.net = nn.Sequential(nn.Linear(6, 5), norm, nn.Linear(5, 4))

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"net": tuple(name for name, _ in self.named_parameters())}

    def forward(self, x: torch.Tensor) -> Features:
        return Features(pooled=self.net(x))


class Functional(nn.Module):
    """Batch norm without a module, as some networks have it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.batch_norm(x, None, None, training=True) if self.training else x


def train(
    folder: Path, norm: nn.Module, rows: int, accumulate: int = 1, strategy: str = "full"
) -> tuple[Any, list[str]]:
    events: list[Event] = []
    backbone = Normed(norm)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    stage = Stage(steps=3, batch_size=rows, accumulate=accumulate, lr=1e-3)
    toys.train(folder, model, data, strategy, stage=stage, listen=events.append)
    return model, [event.message for event in events if event.kind == "warning"]


@pytest.mark.parametrize(("rows", "accumulate"), [(1, 1), (4, 4), (3, 2)])
def test_the_norm_keeps_its_averages_for_single_rows(tmp_path: Path, rows: int, accumulate: int) -> None:
    norm = nn.BatchNorm1d(5)
    _, told = train(tmp_path, norm, rows, accumulate)
    assert len(told) == 1 and "batch norm gets one value a channel" in told[0] and "net.1" in told[0]
    assert "a larger batch_size= or fewer micro-batches" in told[0]
    seen = 3 if rows == 3 else 0  # of three rows in two micro-batches one has two
    assert int(norm.num_batches_tracked or 0) == seen
    assert not norm._forward_hooks and not norm._forward_pre_hooks


def test_two_rows_are_a_batch(tmp_path: Path) -> None:
    norm = nn.BatchNorm1d(5)
    assert train(tmp_path, norm, 4, 2)[1] == []
    assert int(norm.num_batches_tracked or 0) == 6


def test_stochastic_norm_too(tmp_path: Path) -> None:
    _, told = train(tmp_path, nn.BatchNorm1d(5), 1, strategy="stoch_norm")
    assert len(told) == 1


def test_a_norm_without_averages_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"single value a channel .*Use batch_size=2 or more"):
        train(tmp_path, Functional(), 1)


def test_an_instance_norm_of_one_pixel_is_refused_with_advice(tmp_path: Path) -> None:
    norm = nn.Sequential(nn.Unflatten(1, (5, 1)), nn.InstanceNorm1d(5, track_running_stats=True), nn.Flatten())
    with pytest.raises(TrainingError, match=r"single value a channel .*more than 1 spatial element.*adapt_input size="):
        train(tmp_path, norm, 8)
