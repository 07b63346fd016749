"""Heads start from an even guess and fit their task."""

from __future__ import annotations

import math

import pytest
import torch

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.types import Features, Task
from headstart.models.heads.linear import Linear
from headstart.models.heads.mlp import Mlp

CLASSES = Task("image", "multiclass", ("file",), ("label",), tuple("abcde"))
NUMBERS = Task("vector", "regression", ("x",), ("price", "age"))


@pytest.mark.parametrize("options", [Linear(), Mlp(hidden=8), Mlp(dropout=0)])
def test_the_first_loss_is_that_of_an_even_guess(options):
    head = options.build(32, CLASSES).eval()
    out = head(Features(pooled=torch.randn(64, 32)))
    assert out.shape == (64, 5)
    assert head.loss(out, torch.randint(5, (64,))).item() == pytest.approx(math.log(5), abs=0.1)


@pytest.mark.parametrize("options", [Linear(), Mlp()])
def test_regression_has_an_output_a_target(options):
    assert options.build(4, NUMBERS)(Features(pooled=torch.randn(3, 4))).shape == (3, 2)


@pytest.mark.parametrize("options", [Linear(pooling="mean"), Mlp(pooling="mean")])
def test_pooling_is_handed_on(options):
    head = options.build(4, CLASSES).eval()
    tokens = torch.randn(2, 3, 4)
    a = head(Features(pooled=torch.zeros(2, 4), tokens=tokens))
    b = head(Features(pooled=torch.ones(2, 4), tokens=tokens))
    assert torch.equal(a, b)


@pytest.mark.parametrize("values", [{"dropout": 1}, {"hidden": 0}])
def test_options_out_of_range(values):
    with pytest.raises(UsageError, match="must be"):
        plugins.build("heads", "mlp", values)
