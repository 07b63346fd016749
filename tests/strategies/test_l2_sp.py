"""Claims: the penalty is 0 for the backbone at the start and grows with the distance from it.

Weights stay nearer to it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.engine.build import Held
from headstart.engine.penalties import penalties
from headstart.inputs.vector import Vector
from headstart.models.paths import paths_of
from headstart.runs.network import build_model
from headstart.strategies.full import Full
from headstart.strategies.l2_sp import L2Sp


def test_the_penalty_is_that_of_the_distance_from_the_start() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    tuning = L2Sp(alpha=0.5, beta=0.0).prepare(model)
    held = [Held(p, p.detach().clone(), group.hold) for group in tuning.groups for p in group.params if group.hold]
    assert {id(each.now) for each in held} == {id(p) for p in model.backbone.parameters()}

    def penalty() -> float:
        return penalties(tuning, [], Stage(), held)["penalty"].item()

    assert penalty() == 0
    with torch.no_grad():
        model.backbone.get_parameter("first.bias").add_(2.0)  # 8 numbers
    assert penalty() == pytest.approx(0.5 / 2 * 8 * 4)


def test_the_head_is_pulled_to_zero_and_nothing_decays() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    tuning = L2Sp(alpha=0.0, beta=0.3).prepare(model)
    squares = sum(p.square().sum().item() for p in model.heads.parameters())
    assert tuning.penalty is not None and tuning.penalty().item() == pytest.approx(0.15 * squares)
    assert [group.weight_decay for group in tuning.groups] == [0.0, 0.0]


def test_the_weights_stay_nearer_to_the_start(tmp_path: Path) -> None:
    def distance(strategy: Full | L2Sp) -> float:
        data = toys.dataset(Vector(6))
        model = toys.make_model(toys.tiny(), data)
        before = toys.snapshot(model.backbone)
        stage = Stage(steps=30, batch_size=8, lr=1e-2, optimiser="sgd", weight_decay=0.0)
        toys.train(tmp_path, model, data, strategy, stage=stage)
        return sum((t - before[n]).square().sum().item() for n, t in model.backbone.state_dict().items())

    assert distance(L2Sp(alpha=30.0)) < 0.2 * distance(Full())


def test_every_target_s_copy_is_held(tmp_path: Path) -> None:
    """A strong pull leaves both copies of a divided network near the start, where each learns alone."""
    data, start = toys.mixed(), toys.tiny().state_dict()

    def distances(strategy: Full | L2Sp) -> list[float]:
        model = build_model(Recipe(), data, toys.tiny())
        stage = Stage(
            steps=30, batch_size=8, lr=1e-2, optimiser="sgd", weight_decay=0.0, sharing=Choice("soft", {"weight": 0.0})
        )
        toys.train(tmp_path, model, data, strategy, stage=stage)
        paths = paths_of(model.backbone)
        assert paths is not None
        own = [{**model.backbone.state_dict(), **paths.of(target)} for target in ("mood", "size")]
        return [sum((each[n] - then).square().sum().item() for n, then in start.items()) for each in own]

    held, free = distances(L2Sp(alpha=30.0)), distances(Full())
    assert all(one < 0.2 * other for one, other in zip(held, free, strict=True))
