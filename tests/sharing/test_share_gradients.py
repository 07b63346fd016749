"""Claims of shared gradients: with all of them copies are one weight, also under a rule; with none each is alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from divided import own, stages, three, trained
from torch import nn

from headstart.core.choice import Choice
from headstart.engine.gradients import tie
from headstart.strategies.full import Full
from headstart.strategies.l2_sp import L2Sp

COMMON = {name for stage in ("first", "second") for name in three().stages()[stage]}
RULES = ["upgrad", "nash", "mgda", "graddrop", "gradnorm rate=0.3"]


def test_shared_gradients_keep_copies_equal_and_do_what_shared_weights_do(tmp_path: Path) -> None:
    model = trained(tmp_path / "gradients", "share_gradients common=1 share=1")
    other = trained(tmp_path / "weights", "share_weights common=1")
    common = set(next(iter(stages().values())))
    for name in common:
        torch.testing.assert_close(own(model, "first")[name], own(model, "second")[name], rtol=0, atol=0)
        torch.testing.assert_close(own(model, "first")[name], own(other, "first")[name], rtol=1e-5, atol=1e-7)
    apart = trained(tmp_path / "apart", "share_gradients common=1 share=0")
    assert all(not torch.equal(own(apart, "first")[name], own(apart, "second")[name]) for name in common)


def run(folder: Path, sharing: str, rule: str | None = None, **more: Any) -> dict[str, dict[str, torch.Tensor]]:
    """Train eight steps; return each target's network, and the heads."""
    combine = None if rule is None else Choice.parse(rule, "combine")
    model = trained(folder, sharing, more.pop("strategy", "full"), three, steps=8, combine=combine, **more)
    return {**{name: own(model, name) for name in model.heads}, "heads": dict(model.heads.state_dict())}


def assert_same(one: Any, other: Any) -> None:
    for target, tensors in one.items():
        for name, tensor in tensors.items():
            torch.testing.assert_close(tensor, other[target][name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_with_all_of_them_a_rule_does_what_it_does_by_shared_weights(
    tmp_path: Path, rule: str, accumulate: int
) -> None:
    weights = run(tmp_path / "weights", "share_weights", f"{rule} on=weights")
    copies = run(tmp_path / "copies", "share_gradients share=1", f"{rule} on=weights", accumulate=accumulate)
    assert_same(copies, weights)
    assert all(torch.equal(copies["first"][name], copies["second"][name]) for name in COMMON)
    summed = run(tmp_path / "sum", "share_gradients share=1")
    assert max((copies["first"][name] - summed["first"][name]).abs().max() for name in COMMON) > 1e-4


def test_with_none_of_them_a_rule_changes_nothing(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", "soft weight=0")
    assert_same(run(tmp_path / "rule", "share_gradients share=0", "upgrad"), alone)


def test_with_some_of_them_equal_weights_are_the_sum(tmp_path: Path) -> None:
    summed = run(tmp_path / "sum", "share_gradients share=0.3")
    fixed = run(tmp_path / "fixed", "share_gradients share=0.3", "fixed factors=1,1")
    assert_same(fixed, summed)
    apart = [(summed["first"][name] - summed["second"][name]).abs().max() for name in COMMON]
    assert min(apart) > 1e-4  # copies drift apart


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_copy_moves_by_its_own_gradient_and_a_share_of_what_the_rule_made(share: float) -> None:
    """own + share (c - own): copies 4 and none with c = 8; a weight without copies gets its c."""
    one, other, lone, still = (nn.Parameter(torch.zeros(1)) for _ in range(4))
    one.grad, lone.grad = torch.tensor([4.0]), torch.tensor([3.0])
    tie([[lone], [one, other], [still, still]], share, [torch.tensor([5.0]), torch.tensor([8.0]), None])
    assert [float(p.grad) for p in (lone, one, other) if p.grad is not None] == [5.0, 4 + share * 4, share * 8]
    assert still.grad is None and one.grad is not other.grad


@pytest.mark.parametrize("rule", [None, "upgrad on=weights"])
def test_a_penalty_holds_each_copy_once(tmp_path: Path, rule: str | None) -> None:
    """What pulls a common weight back does so to its copies, and is not added up over them."""
    options: dict[str, Any] = {"rule": rule, "strategy": L2Sp(alpha=30.0)}
    weights = run(tmp_path / "weights", "share_weights", **options)
    assert_same(run(tmp_path / "copies", "share_gradients share=1", **options), weights)
    free = run(tmp_path / "free", "share_weights", rule, strategy=Full())
    start = three().state_dict()

    def moved(networks: Any, target: str) -> float:
        return sum((networks[target][name].detach() - then).square().sum().item() for name, then in start.items())

    assert all(moved(weights, target) < 0.6 * moved(free, target) for target in ("first", "second"))
