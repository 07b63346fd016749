"""Claims: alpha 0 is the start and 1 the end.

Between them weights are interpolated; validation chooses where it can.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.data.streams import in_order
from headstart.data.transforms import make_transform
from headstart.inputs.vector import Vector
from headstart.strategies.wise_ft import WiseFt

STAGE = Stage(steps=10, batch_size=8, lr=1e-2)


def trained(folder: Path, alpha: float | None) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.source("vector:mlp"), data)
    toys.train(folder, model, data, WiseFt(alpha=alpha), stage=STAGE)
    return toys.snapshot(model)


def test_weights_lie_on_the_line_from_start_to_end(tmp_path: Path) -> None:
    start = toys.snapshot(toys.make_model(toys.source("vector:mlp"), toys.dataset(Vector(6))))
    zero, end, part = (trained(tmp_path, alpha) for alpha in (0.0, 1.0, 0.3))
    assert all(torch.equal(zero[name], start[name]) for name in start)
    assert not all(torch.equal(end[name], start[name]) for name in start)
    assert all(torch.allclose(part[name], 0.7 * start[name] + 0.3 * end[name], atol=1e-6) for name in start)


def test_without_validation_it_is_half_way(tmp_path: Path) -> None:
    chosen, half = trained(tmp_path, None), trained(tmp_path, 0.5)
    assert all(torch.equal(chosen[name], half[name]) for name in half)


def test_the_alpha_that_scores_best_is_taken() -> None:
    model = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    weight = model.backbone.get_parameter("first.bias")
    tuning = WiseFt().prepare(model)
    start = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1.0)
    assert tuning.select is not None
    tuning.select(lambda: -abs((weight - start).mean().item() - 0.4))
    assert torch.allclose(weight, start + 0.4)


def test_on_validation_it_is_never_worse_than_the_end(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    outcomes = []
    for strategy in (WiseFt(alpha=1.0), WiseFt()):
        model = toys.make_model(toys.source("vector:mlp"), data)
        outcomes.append(toys.train(tmp_path, model, data, strategy, stage=STAGE, validate=True).best)
    assert outcomes[0] is not None and outcomes[1] is not None and outcomes[1].value >= outcomes[0].value


def test_batch_norm_of_the_blend_has_the_statistics_of_the_training_rows(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    toys.train(tmp_path, model, data, WiseFt(alpha=0.5), stage=STAGE)
    norms = {n: m for n, m in model.backbone.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms and {norm.momentum for norm in norms.values()} == {0.1}
    seen: dict[torch.nn.Module, torch.Tensor] = {}
    for norm in norms.values():
        norm.register_forward_pre_hook(lambda module, given: seen.update({module: given[0].mean((0, 2, 3))}))
        norm.momentum, norm.training = 0.0, True  # what comes in is normalised by its own rows, nothing is noted
    _, batch = next(iter(in_order(data.splits["train"], make_transform(backbone.card.input), batch_size=24)))
    with torch.no_grad():
        model.backbone(batch.x)
    for name, norm in norms.items():
        assert norm.running_mean is not None and torch.allclose(norm.running_mean, seen[norm], atol=1e-4), name


def test_alpha_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]"):
        WiseFt(alpha=2)
