"""Claims: the distance is 0 at the start, attention is a distribution that favours the channel the task needs.

Maps stay near.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import Card, ForwardPass
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone
from headstart.strategies.delta import Delta, Taps, channel_attention, distance
from headstart.strategies.full import Full


class Channels(Backbone):
    """Passes 6 numbers on as 6 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("toy:channels", "toy", 0, Vector(6), "toy", {})
        self.dim, self.scale = 6, torch.nn.Linear(6, 6, bias=False)
        torch.nn.init.eye_(self.scale.weight)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"scale": ("scale.weight",)}

    def forward(self, x: torch.Tensor):
        return {"pooled": self.scale(x) * 1}  # the stage's output is not the pooled features


def test_the_channel_that_tells_the_classes_apart_gets_the_most_attention() -> None:
    rng = np.random.default_rng(0)
    y = torch.arange(60) % 2
    x = torch.from_numpy(rng.normal(size=(60, 6)).astype(np.float32))
    x[:, 2] = 4 * y - 2.0 + 0.1 * x[:, 2]
    model = toys.make_model(Channels(), toys.dataset(Vector(6), "binary"))
    rows = [toys.batch(x, y)]
    attention = channel_attention(model, Taps(model.backbone), lambda: rows)["scale"]
    assert attention.argmax() == 2 and torch.isclose(attention.sum(), torch.tensor(1.0))


def test_the_distance_weighs_channels() -> None:
    now, then = torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)
    now[:, 1] = 2.0
    even, only = torch.full((3,), 1 / 3), torch.tensor([0.0, 1.0, 0.0])
    assert distance(now, then, even).item() == 3 / (2 * 4 * 2) * (2 * 16 / 3)
    assert torch.isclose(distance(now, then, only), 3 * distance(now, then, even))
    assert distance(now, now, only).item() == 0


def test_the_watched_loss_is_0_at_the_start_and_sees_every_stage(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_resnet").eval()
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    tuning = Delta(alpha=1.0).prepare(model)
    x = torch.randn(3, 3, 32, 32)
    y = torch.tensor([0, 1, 2])
    assert tuning.watch is not None and tuning.survey is not None and tuning.merge is not None
    tuning.survey(lambda: [toys.batch(x, y)])
    assert tuning.watch([ForwardPass(x, model.backbone(x))]).item() == 0
    for stage, names in backbone.stages().items():
        if stage == "final":
            continue
        with torch.no_grad():
            backbone.get_parameter(names[0]).mul_(1.5)
        assert tuning.watch([ForwardPass(x, model.backbone(x))]).item() > 0, stage
        with torch.no_grad():
            backbone.get_parameter(names[0]).div_(1.5)
    tuning.merge()
    assert all(not module._forward_hooks for module in model.modules())


def test_the_features_stay_nearer_to_the_source_s(tmp_path: Path) -> None:
    def moved(strategy: Full | Delta) -> float:
        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.source("vector:mlp"), data)
        x = torch.from_numpy(data.splits["train"].inputs)
        before = model.eval().features(x)["pooled"].detach()
        toys.train(tmp_path, model, data, strategy, stage=Stage(steps=40, batch_size=8, lr=1e-2))
        return (model.eval().features(x)["pooled"] - before).square().mean().item()

    assert moved(Delta(alpha=10.0)) < 0.3 * moved(Full())
