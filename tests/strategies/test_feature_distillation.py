"""Claims: the loss is 0 at the start, its teacher never moves.

A large weight keeps the features where they were.
"""

from __future__ import annotations

from pathlib import Path

import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import ForwardPass
from headstart.inputs.vector import Vector
from headstart.strategies.feature_distillation import FeatureDistillation
from headstart.strategies.full import Full


def test_the_distance_is_from_the_features_of_the_start() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    watch = FeatureDistillation(weight=3.0).prepare(model).watch
    x = torch.randn(4, 6)
    assert watch is not None and watch([ForwardPass(x, model.backbone(x))]).item() == 0
    start = model.backbone(x)["pooled"]
    with torch.no_grad():
        model.backbone.get_parameter("second.weight").mul_(2.0)
    now = model.backbone(x)["pooled"]
    expected = 3.0 * (now - start).square().mean()
    assert torch.allclose(watch([ForwardPass(x, {"pooled": now})]), expected)


def test_a_large_weight_keeps_the_features(tmp_path: Path) -> None:
    def moved(strategy: Full | FeatureDistillation) -> float:
        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.tiny(), data)
        x = torch.from_numpy(data.splits["train"].inputs)
        before = model.features(x)["pooled"].detach()
        toys.train(tmp_path, model, data, strategy, stage=Stage(steps=40, batch_size=8, lr=1e-2))
        return (model.features(x)["pooled"] - before).square().mean().item()

    assert moved(FeatureDistillation(weight=100.0)) < 0.1 * moved(Full())
