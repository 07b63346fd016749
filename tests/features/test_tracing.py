"""The constant part of a network: what is found to be constant, and that the two parts give what the whole gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from headstart.core.types import Features
from headstart.features.graphs import Untraceable
from headstart.features.tracing import Traced, trace

WIDE = 1024  # so that a layer costs more than what it gives takes room


class Net(nn.Module):
    """Three blocks and a way between them."""

    def __init__(self, way: Callable[[Net, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(WIDE, WIDE) for _ in range(3))
        self.norm, self.drop = nn.BatchNorm1d(WIDE), nn.Dropout(0.5)
        self.way = way

    def forward(self, x: torch.Tensor) -> Features:
        return {"pooled": self.way(self, x)}


def cut(net: Net, *learning: str, x: torch.Tensor | None = None, free: bool = False) -> tuple[Traced, torch.Tensor]:
    """Trace a net of which the named modules learn, the others being in evaluation mode."""
    x = torch.randn(5, WIDE) if x is None else x
    for name, module in net.named_children():
        module.requires_grad_(name in learning).train(name in learning)
    chosen = [p for p in net.parameters() if p.requires_grad]
    backbone: Any = net
    return trace(backbone, x, chosen, tokens=False, free=free), x


def agrees(traced: Traced, net: Net, x: torch.Tensor) -> bool:
    """Compare the parts with the whole, in both modes, with their gradients."""
    kept = [value.detach() for value in traced.before(x)]
    answers = []
    for training in (True, False):
        net.train(training)
        for name, module in net.named_children():
            module.train(training and any(p.requires_grad for p in net.get_submodule(name).parameters()))
        net.drop.train(training and net.drop.training)
        state = {name: value.clone() for name, value in net.state_dict().items()}
        found = []
        for compute in (lambda: net(x), lambda training=training: traced.after(None, kept, training=training)):
            net.load_state_dict(state)
            net.zero_grad()
            torch.manual_seed(0)
            pooled = compute()["pooled"]
            pooled.square().sum().backward()
            gradients = [p.grad for p in net.parameters() if p.grad is not None]
            found.append([pooled, *gradients, *(buffer.clone() for buffer in net.buffers())])
        answers += [torch.equal(one, other) for one, other in zip(*found, strict=True)]
    return all(answers)


def test_a_prefix_is_kept_and_is_no_part_of_the_rest() -> None:
    net = Net(lambda n, x: n.c(n.b(n.a(x).relu()).relu()))
    traced, x = cut(net, "c")
    assert [value.shape for value in traced.before(x)] == [(5, WIDE)]
    assert not traced.needs_x
    assert 0.6 < traced.share < 0.7, "two of three equal layers"
    assert {name.split(".")[0] for name, _ in traced.training.named_parameters()} == {"c"}
    assert agrees(traced, net, x)


def test_the_parameters_are_the_networks_own() -> None:
    net = Net(lambda n, x: n.c(n.a(x)))
    traced, x = cut(net, "c")
    kept = traced.before(x)
    before = traced.after(None, kept, training=True)["pooled"]
    with torch.no_grad():
        net.c.weight.add_(1)
    assert not torch.equal(traced.after(None, kept, training=True)["pooled"], before)


def test_a_frozen_layer_above_one_that_learns_varies() -> None:
    net = Net(lambda n, x: n.c(n.b(n.a(x).relu()).relu()))
    traced, x = cut(net, "b")
    assert 0.3 < traced.share < 0.4
    assert agrees(traced, net, x)


def test_a_frozen_branch_beside_one_that_learns_is_kept_though_it_is_no_prefix() -> None:
    net = Net(lambda n, x: n.b(n.a(x).relu()).relu() + n.c(x))
    traced, x = cut(net, "c")
    assert traced.needs_x
    assert traced.share > 0.6
    state = traced.before(x)
    torch.testing.assert_close(traced.after(x, state, training=True)["pooled"], net(x)["pooled"], rtol=0, atol=0)


def test_what_comes_after_randomness_varies() -> None:
    net = Net(lambda n, x: n.c(n.b(n.drop(n.a(x)))))
    x = torch.randn(5, WIDE)
    for name, module in net.named_children():
        module.requires_grad_(name == "c").train(name in ("c", "drop"))
    backbone: Any = net
    traced = trace(backbone, x, list(net.c.parameters()), tokens=False, free=False)
    assert 0.3 < traced.share < 0.4, "only the layer before dropout"


def test_a_batch_norm_that_learns_counts_and_remembers() -> None:
    net = Net(lambda n, x: n.c(n.norm(n.a(x))))
    traced, x = cut(net, "norm", "c")
    assert agrees(traced, net, x)
    assert int(net.norm.num_batches_tracked or 0) > 0


def test_a_change_in_place_of_what_is_kept_leaves_it_as_it_was() -> None:
    net = Net(lambda n, x: (h := n.b(n.a(x))).mul_(n.c.weight.mean()) + h)
    traced, x = cut(net, "c")
    kept = traced.before(x)
    was = [value.clone() for value in kept]
    assert agrees(traced, net, x)
    traced.after(None, kept, training=True)
    assert all(torch.equal(one, other) for one, other in zip(kept, was, strict=True))


def test_constant_changes_in_place_are_made_once() -> None:
    net = Net(lambda n, x: n.c(torch.relu_(h := n.a(x)) + h.add_(1.0)))
    traced, x = cut(net, "c")
    assert agrees(traced, net, x)


def test_what_is_large_and_cheap_is_computed_again() -> None:
    net = Net(lambda n, x: n.c((n.a(x)[:, None, :] * torch.ones(200, 1)).mean(dim=1) * n.norm.weight))
    traced, x = cut(net, "c", "norm")
    assert sum(value[0].numel() for value in traced.before(x)) <= WIDE


def test_any_number_of_rows() -> None:
    net = Net(lambda n, x: n.c(n.b(n.a(x)).view(x.shape[0], 2, -1).flatten(1)))
    traced, _ = cut(net, "c")
    for rows in (1, 2, 9):
        x = torch.randn(rows, WIDE)
        torch.testing.assert_close(traced.after(None, traced.before(x), training=True)["pooled"], net(x)["pooled"])


def test_one_whose_way_depends_on_its_values_cannot_be_traced() -> None:
    net = Net(lambda n, x: n.c(n.a(x)) if float(x.sum()) > 0 else n.c(x))
    with pytest.raises(Untraceable):
        cut(net, "c")


def test_nothing_constant_is_told() -> None:
    with pytest.raises(Untraceable, match="nothing in it is constant"):
        cut(Net(lambda n, x: n.b(n.a(x))), "a", "b")
