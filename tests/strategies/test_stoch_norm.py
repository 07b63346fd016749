"""Claims: p = 1 is batch norm, p = 0 never uses the batch.

Each channel takes one of the two; the network has its own norm back.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.strategies.side_tuning import SideTuning
from headstart.strategies.stoch_norm import StochasticBatchNorm, StochNorm


def norm() -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(64)
    nn.init.uniform_(made.weight)
    nn.init.normal_(made.bias)
    made.running_mean.normal_()  # pyright: ignore[reportOptionalMemberAccess]
    return made


def test_each_channel_takes_the_batch_s_statistics_or_the_moving_ones() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 64, 3, 3)
    plain = norm()
    moving = plain.eval()(x)
    state = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    batch = plain.train()(x)
    after = plain.running_mean.clone()  # pyright: ignore[reportOptionalMemberAccess]

    def stochastic(p: float) -> torch.Tensor:
        plain.load_state_dict(state)
        return StochasticBatchNorm(plain, p).train()(x)

    assert torch.allclose(stochastic(1.0), batch, atol=1e-5) and torch.allclose(stochastic(0.0), moving, atol=1e-5)
    assert torch.allclose(plain.running_mean, after), "the statistics move as batch norm's do"  # pyright: ignore[reportArgumentType]
    mixed = stochastic(0.5)
    from_batch = [torch.allclose(mixed[:, c], batch[:, c], atol=1e-5) for c in range(64)]
    from_moving = [torch.allclose(mixed[:, c], moving[:, c], atol=1e-5) for c in range(64)]
    assert all(a or b for a, b in zip(from_batch, from_moving, strict=True)) and 16 < sum(from_batch) < 48


def test_in_evaluation_it_is_batch_norm() -> None:
    plain, x = norm().eval(), torch.randn(2, 64, 3, 3)
    assert torch.allclose(StochasticBatchNorm(plain, 0.5)(x), plain(x), atol=1e-5)


def test_the_network_has_its_own_norm_back_with_what_was_learnt(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before, modules = toys.snapshot(model), [type(module) for module in model.modules()]
    tuning = StochNorm().prepare(model)
    assert any(isinstance(module, StochasticBatchNorm) for module in model.modules())
    assert toys.snapshot(model).keys() == before.keys(), "every tensor keeps its name"
    assert tuning.merge is not None
    tuning.merge()
    toys.train(tmp_path, model, data, "stoch_norm")
    assert [type(module) for module in model.modules()] == modules
    moved = toys.moved(before, model)
    assert {"backbone.net.bn1.weight"} <= moved or any("bn" in name for name in moved)
    assert any(name.endswith("running_mean") for name in moved)


def test_without_batch_norm_it_is_refused() -> None:
    backbone = toys.source("timm:test_vit")
    with pytest.raises(UsageError, match="stoch_norm needs batch norm in the backbone, and timm:test_vit has none"):
        StochNorm().prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))


def test_modules_that_another_strategy_inserted_are_left_alone() -> None:
    model = toys.make_model(toys.source("timm:test_resnet"), toys.dataset(toys.source("timm:test_resnet").card.input))
    SideTuning().prepare(model)
    inside = {n for n, m in model.backbone.named_modules() if isinstance(m, torch.nn.BatchNorm2d) and "inserted" in n}
    StochNorm().prepare(model)
    assert inside and all(isinstance(model.backbone.get_submodule(n), torch.nn.BatchNorm2d) for n in inside)
