"""Claims: the average follows its equation, is what is looked at and kept, and leaves training itself alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.engine.averaging import Average
from headstart.inputs.vector import Vector


def test_it_follows_its_equation() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    average = Average(layer, list(layer.parameters()), 0.9)
    expected = 0.0
    for n in range(1, 200):
        with torch.no_grad():
            layer.weight.fill_(float(n))
        average.update()
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    assert average.weights["weight"].item() == pytest.approx(expected, rel=1e-5)
    with average.in_place():
        assert layer.weight.item() == pytest.approx(expected, rel=1e-5)
    assert layer.weight.item() == 199


def trained(folder: Path, ema: float, *, validate: bool) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    stage = Stage(steps=12, batch_size=8, lr=1e-2, ema=ema, evaluate=12)
    toys.train(folder, model, data, stage=stage, validate=validate)
    return toys.snapshot(model)


def test_the_average_is_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Average] = []
    update = Average.update

    def watched(self: Average) -> None:
        update(self)
        kept.append(self)

    monkeypatch.setattr(Average, "update", watched)
    for validate in (False, True):
        weights = trained(tmp_path, 0.99, validate=validate)
        assert all(torch.equal(weights[name], tensor) for name, tensor in kept[-1].weights.items())
    plain = trained(tmp_path, 0.0, validate=False)
    assert not any(torch.equal(plain[name], weights[name]) for name in plain if "weight" in name)
