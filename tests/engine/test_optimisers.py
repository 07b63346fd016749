"""Claims of the optimisers and schedules."""

from __future__ import annotations

import pytest
import torch

from headstart.core.recipe import Stage
from headstart.core.types import ParamGroup
from headstart.engine.optimisers import make_optimiser, rate_factor, set_rate


def test_vectors_are_not_decayed_and_groups_keep_their_scale() -> None:
    layer = torch.nn.Linear(3, 2)
    optimiser = make_optimiser([ParamGroup(list(layer.parameters()), 10.0)], Stage(lr=0.1, weight_decay=0.5))
    assert [(g["params"][0].ndim, g["decay"], g["lr_scale"]) for g in optimiser.param_groups] == [
        (2, 0.5, 10.0),
        (1, 0.0, 10.0),
    ]
    set_rate(optimiser, Stage(lr=0.1, schedule="constant", warmup=0.0), 0.3)
    assert all(group["lr"] == pytest.approx(1.0) for group in optimiser.param_groups)


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("cosine", 0.0, 0.0),
        ("cosine", 0.05, 0.5),
        ("cosine", 0.1, 1.0),
        ("cosine", 0.55, 0.5),
        ("cosine", 1.0, 0.0),
        ("constant", 0.9, 1.0),
    ],
)
def test_rates(schedule: str, progress: float, factor: float) -> None:
    assert rate_factor(schedule, 0.1, progress) == pytest.approx(factor, abs=1e-9)


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_optimisers_by_name(name: str, kind: type) -> None:
    layer = torch.nn.Linear(3, 2)
    assert isinstance(make_optimiser([ParamGroup(list(layer.parameters()))], Stage(lr=0.1, optimiser=name)), kind)  # pyright: ignore[reportArgumentType]
