"""Claims of cross-stitch units: equation 1, targets that do not mix are each alone, and how fast the mix learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from divided import own, rebuild_toy, trained, two

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Tuning
from headstart.models.each import Each, part_of
from headstart.models.model import Backbone, Model
from headstart.runs.network import build_model
from headstart.sharing.cross_stitch import NAME, CrossStitch, Stitch


def divided(backbone: Backbone, strategy: str = "full", **options: Any) -> tuple[Model, Tuning]:
    model = build_model(Recipe(), two(), backbone)
    return model, CrossStitch(**options).prepare(model, plugins.build("strategies", strategy, {}))


def alphas(model: Model) -> list[torch.Tensor]:
    return [alpha.detach().clone() for alpha in model.backbone.get_submodule(NAME).parameters()]


def test_a_unit_mixes_by_equation_1() -> None:
    unit = Stitch(torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]), axis=1)
    one, other = torch.tensor([[1.0, 10.0]]), torch.tensor([[2.0, 20.0]])
    mixed = unit([one, other])
    assert mixed[0].tolist() == [[1 * 1 + 3 * 2, 2 * 10 + 4 * 20]]
    assert mixed[1].tolist() == [[5 * 1 + 7 * 2, 6 * 10 + 8 * 20]]
    maps = unit([x[:, :, None, None].expand(1, 2, 3, 3) for x in (one, other)])
    assert maps[1].shape == (1, 2, 3, 3) and maps[1][0, :, 2, 0].tolist() == [19.0, 220.0]


@pytest.mark.parametrize("by", ["channel", "stage"])
def test_behind_each_stage_targets_go_on_with_the_mix(by: str) -> None:
    model, _ = divided(toys.tiny(), own=0.75, by=by)
    assert [tuple(alpha.shape) for alpha in alphas(model)] == [(2, 2, n if by == "channel" else 1) for n in (8, 5)]
    x = torch.randn(3, 6)
    with torch.no_grad():
        for tensor in own(model, "second").values():
            tensor.normal_()
        nets = [own(model, target) for target in ("first", "second")]
        hidden = _mixed([x @ net["first.weight"].T + net["first.bias"] for net in nets])
        pairs = zip(hidden, nets, strict=True)
        expected = _mixed([h.relu() @ net["second.weight"].T + net["second.bias"] for h, net in pairs])
        with model.evaluating():
            torch.testing.assert_close(model.features(x)["pooled"], torch.cat(expected, dim=1))
            alone = model.features(x, "second")["pooled"]
    torch.testing.assert_close(alone[:, 5:], expected[1])
    assert not alone[:, :5].any()


def _mixed(each: list[torch.Tensor]) -> list[torch.Tensor]:
    return [(3 * one + other) / 4 for one, other in (each, each[::-1])]


@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_without_a_mix_each_target_is_alone(tmp_path: Path, strategy: str) -> None:
    stitched = trained(tmp_path / "stitched", "cross_stitch own=1 rate=0", strategy)
    alone = trained(tmp_path / "alone", "soft weight=0", strategy)
    for target in ("first", "second"):
        for name, tensor in own(alone, target).items():
            torch.testing.assert_close(own(stitched, target)[name], tensor, rtol=1e-6, atol=1e-7)
    assert all(torch.equal(alpha, torch.eye(2)[:, :, None].expand_as(alpha)) for alpha in alphas(stitched))


def test_each_target_s_batch_norm_sees_what_is_its_own() -> None:
    model, _ = divided(toys.normed(), own=1.0)
    with torch.no_grad():
        own(model, "second")["first.bias"].add_(100.0)
    model.train()
    model(torch.randn(16, 6))
    one, other = (own(model, target)["drop.running_mean"] for target in ("first", "second"))
    assert one.abs().max() < 1 and (other - one).max() > 5  # a tenth of what is seen, behind relu
    assert own(model, "first")["drop.num_batches_tracked"] == own(model, "second")["drop.num_batches_tracked"] == 1


def test_the_others_share_evenly_what_is_not_a_target_s_own() -> None:
    start = CrossStitch(own=0.5)._start(3, 2)
    assert start[:, :, 1].tolist() == [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]


def test_the_mix_learns_at_a_rate_of_its_own_and_is_saved(tmp_path: Path) -> None:
    def moved(rate: float) -> list[torch.Tensor]:
        model = trained(tmp_path / str(rate), f"cross_stitch rate={rate}", steps=1, schedule="constant", warmup=0.0)
        assert all(torch.equal(*pair) for pair in zip(alphas(model), alphas(rebuild_toy(model)), strict=True))
        return [alpha - start for alpha, start in zip(alphas(model), alphas(divided(toys.tiny())[0]), strict=True)]

    for once, often in zip(moved(1), moved(100), strict=True):
        assert once.abs().min() >= 0 and once.abs().max() > 0
        torch.testing.assert_close(often, 100 * once, rtol=1e-3, atol=1e-5)


def test_the_mix_is_common_and_is_not_decayed() -> None:
    from headstart.models.paths import own_parameters

    model, tuning = divided(toys.tiny(), rate=7.0)
    mix = list(model.backbone.get_submodule(NAME).parameters())
    group = next(group for group in tuning.groups if any(p is mix[0] for p in group.params))
    assert list(map(id, group.params)) == list(map(id, mix)) and (group.lr_scale, group.weight_decay) == (7.0, 0.0)
    assert own_parameters(model.backbone).isdisjoint(map(id, mix))


def test_a_unit_stands_from_the_first_stage_on_where_targets_differ() -> None:
    model, _ = divided(toys.tiny(), "partial")
    assert [tuple(alpha.shape) for alpha in alphas(model)] == [(2, 2, 5)]


class Endless(toys.Tiny):
    """The first stage is no layer that is called."""

    def forward(self, x: torch.Tensor) -> Any:
        hidden = torch.nn.functional.linear(x, self.first.weight, self.first.bias)
        return {"pooled": self.second(torch.relu(hidden))}


class Writing(toys.Tiny):
    """Puts what a layer gives into a tensor that was there before."""

    def forward(self, x: torch.Tensor) -> Any:
        hidden = torch.zeros(len(x), 8)
        hidden[:] = self.first(x)
        return {"pooled": self.second(hidden)}


class Steering(toys.Tiny):
    """Asks for values of what a layer gives."""

    def forward(self, x: torch.Tensor) -> Any:
        hidden = self.first(x + 1)
        return {"pooled": self.second(hidden * hidden.sum().item())}


def test_a_network_that_targets_cannot_pass_in_step_is_refused() -> None:
    with pytest.raises(UsageError, match="no layer whose output could be mixed: first"):
        divided(Endless())
    with pytest.raises(UsageError, match="'__setitem__' puts what is each target's own into a tensor"):
        divided(Writing())
    model, _ = divided(Steering())
    own(model, "second")["first.bias"].data.add_(1.0)
    with pytest.raises(UsageError, match="'item' steers the network by values"):
        model(torch.randn(2, 6))


def test_what_is_computed_of_each_target_s_tensor_is_each_target_s() -> None:
    one, other = torch.randn(2, 3), torch.randn(2, 3)
    each = Each([one, other])
    values, indices = each.max(dim=1)
    assert isinstance(values, Each) and torch.equal(values.parts[1], other.max(dim=1).values)
    assert isinstance(indices, Each) and torch.equal(indices.parts[0], one.argmax(dim=1))
    joined = torch.cat([torch.ones(2, 1), each], dim=1)
    assert joined.shape == (2, 4) and torch.equal(part_of(joined, 1)[:, 1:], other)
    assert torch.equal(part_of(each.view(torch.Size([3, 2])), 0), one.view(3, 2))
    each.mul_(2.0)
    assert torch.equal(each.parts[0], one) and isinstance(each.chunk(2)[0], Each)
    with pytest.raises(UsageError, match="common"):
        torch.add(each, each, out=torch.zeros(2, 3))
