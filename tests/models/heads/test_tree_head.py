"""The tree head: a parent is as likely as its classes together, by weights made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from headstart.core.types import Features, LossOptions, Solving
from headstart.models.heads.linear import LinearHead
from headstart.models.heads.tree import Branches, Tree
from headstart.targets.tree import Tree as Target
from models.heads.contract import CLASSES, check_head

PETS = Target(("kind",), ("car", "cat", "dog", "van"), ("vehicle", "pet", "pet", "vehicle"))
ABOVE = np.array([1, 0, 0, 1])  # pet comes before vehicle
L2, L3, L9 = np.log([2.0, 3.0, 9.0])


def test_a_class_is_as_likely_as_its_parent_times_its_share_among_its_siblings():
    units = torch.tensor([[0.0, L3, 0.0, L9, 0.0, L2]], dtype=torch.float32)  # pet, vehicle; car, cat, dog, van
    found = Branches(2, ABOVE).answers(units).exp()
    # pet 1/4 with cat 9/10, dog 1/10; vehicle 3/4 with car 1/3, van 2/3
    assert torch.allclose(found, torch.tensor([[0.25, 0.225, 0.025, 0.5]]))


def test_the_answers_agree_with_the_tree_and_the_loss_holds_that_of_the_parent():
    units, y = torch.randn(50, 6), torch.randint(4, (50,))
    out = Branches(2, ABOVE).answers(units)
    p = out.exp()
    parents = torch.stack([p[:, [1, 2]].sum(dim=1), p[:, [0, 3]].sum(dim=1)], dim=1)
    assert torch.allclose(parents, units[:, :2].softmax(dim=1), atol=1e-6)
    siblings = torch.from_numpy(ABOVE[:, None] == ABOVE).float()
    inner = units[:, 2:] - (units[:, 2:].exp() @ siblings).log()  # log p(class | parent)
    within = inner.gather(1, y[:, None]).mean()
    expected = functional.cross_entropy(units[:, :2], torch.from_numpy(ABOVE)[y]) - within
    assert torch.allclose(Tree().build(2, PETS).loss(out, y), expected, atol=1e-6)


def test_of_one_level_it_is_a_softmax_and_without_a_tree_the_head_linear():
    units = torch.randn(5, 6)
    assert torch.allclose(Branches(2, np.arange(3)).answers(units), units[:, :3].log_softmax(dim=1), atol=1e-6)
    assert type(Tree().build(2, CLASSES)) is LinearHead


def test_it_is_a_head():
    check_head(lambda **options: Tree(**options))
    head: Any = Tree().build(32, PETS)
    out = head(Features(pooled=torch.randn(64, 32)))
    assert head.loss(out, torch.randint(4, (64,))).item() == pytest.approx(math.log(4), abs=0.1), "not an even guess"


@pytest.mark.parametrize("imbalance", ["none", "weights", "sampler"])
def test_it_is_solved_a_parent_at_a_time(imbalance):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 2)).astype(np.float32)
    labels = np.array([[1, 2], [0, 3]])[(x[:, 0] > 0).astype(int), (x[:, 1] > 0).astype(int)]
    head, wanted = Tree().build(2, PETS), Solving(LossOptions(), imbalance)
    assert head.solves(wanted) and not head.solves(Solving(LossOptions(), "logit_adjust"))
    solved = head.solve(x, labels, wanted)
    out = head(Features(pooled=torch.from_numpy(x))).detach()
    assert (out.argmax(dim=1).numpy() == labels).mean() > 0.95
    assert solved.out_of_fold.shape == (240, 4) and (solved.out_of_fold.argmax(axis=1) == labels).mean() > 0.93
    assert np.exp(solved.out_of_fold).sum(axis=1) == pytest.approx(np.ones(240))
    trunk: Any = head.trunk
    turned = trunk.layer.weight[:2].abs()
    assert (turned[:, 0] > 5 * turned[:, 1]).all(), "the parents are told apart by the first number"
    again = Tree().build(2, PETS)
    again.solve(x, labels, wanted._replace(chosen=solved.chosen))
    assert torch.allclose(again(Features(pooled=torch.from_numpy(x))), out, atol=1e-4)


def test_parents_without_rows_to_tell_their_classes_apart_answer_by_shares():
    labels = np.array([0, 3, 0, 3, 1, 1])  # no dog
    head = Tree().build(2, PETS)
    head.solve(np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32), labels, Solving(LossOptions()))
    p = head.decode(head(Features(pooled=torch.randn(4, 2))))
    assert torch.allclose(p[:, 1] / p[:, 2], torch.tensor(3.0))  # (2 + 1) / (0 + 1)


def test_rows_are_judged_by_fits_that_left_them_out():
    """Of noise nothing can be learnt: siblings are told apart by the rows that were learnt alone."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(80, 100)).astype(np.float32), rng.permutation(np.arange(80) % 4)
    head = Tree().build(100, PETS)
    solved = head.solve(x, labels, Solving(LossOptions()))
    learnt = head(Features(pooled=torch.from_numpy(x))).detach().numpy()
    sibling = np.array([3, 2, 1, 0])[labels]
    rows = np.arange(80)
    ahead = [(out[rows, labels] > out[rows, sibling]).mean() for out in (learnt, solved.out_of_fold)]
    assert ahead[0] > 0.9 and ahead[1] < 0.65
