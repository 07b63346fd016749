"""Claims of the optimisers and schedules."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import ParamGroup
from headstart.engine.optimisers import check_optimiser, make_optimiser, optimisers, plateaus, rate_factor, set_rate
from headstart.inputs.vector import Vector


def test_vectors_are_not_decayed_and_groups_keep_their_scale() -> None:
    layer = torch.nn.Linear(3, 2)
    optimiser = make_optimiser(
        [ParamGroup(list(layer.parameters()), 10.0)], Stage(lr=0.1, weight_decay=0.5, optimiser="adamw")
    )
    assert [(g["params"][0].ndim, g["decay"], g["lr_scale"]) for g in optimiser.param_groups] == [
        (2, 0.5, 10.0),
        (1, 0.0, 10.0),
    ]
    set_rate(optimiser, Stage(steps=10, lr=0.1, schedule="constant", warmup=0.0), 0.3)
    assert all(group["lr"] == pytest.approx(1.0) for group in optimiser.param_groups)


@pytest.mark.parametrize("name", optimisers())
def test_every_optimiser_learns_and_its_weight_decay_is_decoupled(name: str, tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    start = layer.weight.detach().clone()
    optimiser = make_optimiser([ParamGroup(list(layer.parameters()))], Stage(lr=0.1, weight_decay=0.5, optimiser=name))
    optimiser.step()
    assert torch.equal(layer.weight, start), "what has no gradient is left alone"
    layer.weight.grad = torch.zeros_like(layer.weight)
    optimiser.step()
    assert torch.allclose(layer.weight, start * (1 - 0.1 * 0.5), rtol=1e-4), "a gradient of 0 leaves the decay alone"
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, stage=Stage(steps=3, batch_size=8, lr=1e-3, optimiser=name))
    assert toys.moved(before, model) == set(before)


def test_adamw_is_torch_s_own() -> None:
    torch.manual_seed(0)
    one, other = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    other.load_state_dict(one.state_dict())
    ours = make_optimiser([ParamGroup(list(one.parameters()))], Stage(lr=0.1, weight_decay=0.3, optimiser="adamw"))
    groups = [{"params": [other.weight], "weight_decay": 0.3}, {"params": [other.bias], "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=0.1, fused=True)
    for _ in range(5):
        x = torch.randn(8, 4)
        for layer, optimiser in ((one, ours), (other, theirs)):
            optimiser.zero_grad()
            layer(x).square().sum().backward()
            optimiser.step()
    assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def test_a_misspelt_or_unfit_optimiser_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no optimiser 'adamm'\. Did you mean 'adam'"):
        check_optimiser("adamm")
    with pytest.raises(UsageError, match="'lbfgs' cannot be used: it calls the loss several times"):
        check_optimiser("lbfgs")


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("cosine", 0.0, 0.0),
        ("cosine", 0.05, 0.5),
        ("cosine", 0.1, 1.0),
        ("cosine", 0.55, 0.5),
        ("cosine", 1.0, 0.0),
        ("constant", 0.9, 1.0),
        ("plateau", 0.05, 0.5),
        ("plateau", 0.9, 1.0),
        ("linear", 0.1, 1.0),
        ("linear", 0.55, 0.5),
        ("linear", 1.0, 0.0),
        ("one_cycle", 0.0, 1 / 25),
        ("one_cycle", 0.1, 1.0),
        ("one_cycle", 1.0, 1 / 250_000),
    ],
)
def test_rates(schedule: str, progress: float, factor: float) -> None:
    assert rate_factor(schedule, 0.1, progress) == pytest.approx(factor, abs=1e-9)


def test_one_cycle_is_torch_s() -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=101, pct_start=0.31, cycle_momentum=False)
    for step in range(101):  # torch counts the peak as step pct_start * total - 1
        assert rate_factor("one_cycle", (0.31 * 101 - 1) / 100, step / 100) == pytest.approx(
            cycle.get_last_lr()[0], abs=1e-6
        )
        optimiser.step()
        if step < 100:
            cycle.step()


@pytest.mark.parametrize("schedule", ["cosine", "constant", "linear", "one_cycle", "plateau"])
@pytest.mark.parametrize("steps", [3, 20, 200])
def test_no_step_of_a_rise_stands_still(schedule: Any, steps: int) -> None:
    stage = Stage(steps=steps, lr=0.1, schedule=schedule, warmup=0.1, optimiser="adamw")
    optimiser = make_optimiser([ParamGroup([torch.nn.Parameter(torch.ones(2))])], stage)
    rates = [set_rate(optimiser, stage, step / steps) for step in range(steps)]
    rise = rates[: max(1, steps // 10)]
    assert rise[0] > 0 and rise == sorted(rise) and max(rates) <= 0.1
    if schedule != "one_cycle":
        assert rise[-1] == pytest.approx(0.1)


def test_plateaus_are_counted_from_the_looks() -> None:
    gains = [True, False, False, False, True, False, False, False, False]
    assert [plateaus(gains[:n], 2) for n in range(len(gains) + 1)] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 3]
    layer = torch.nn.Linear(2, 1)
    stage = Stage(
        steps=10, lr=0.1, schedule="plateau", warmup=0.0, plateau_looks=2, plateau_factor=0.5, optimiser="sgd"
    )
    optimiser = make_optimiser([ParamGroup(list(layer.parameters()))], stage)
    assert set_rate(optimiser, stage, 0.5, gains) == pytest.approx(0.1 * 0.5**3)


def test_a_run_lowers_its_rate_where_it_stands_still(tmp_path: Path) -> None:
    import json

    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    stage = Stage(steps=60, batch_size=8, lr=1e-9, schedule="plateau", warmup=0.0, evaluate=10, patience=0)
    toys.train(tmp_path, model, data, stage=stage, validate=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert rates == pytest.approx([1e-9] * 3 + [0.3e-9] * 2 + [0.09e-9])
    assert all(late <= early for early, late in itertools.pairwise(rates))
