"""Claim: a weight is magnitude times direction: a low rank changes the one, a number an output is the other."""

from __future__ import annotations

import torch

import toys
from headstart.strategies.dora import Decomposed, Dora


def test_the_formula() -> None:
    weight = torch.randn(5, 4, 3, 3)
    made = Decomposed(weight, axis=0, rank=2, alpha=6.0)
    assert torch.equal(made(weight), weight)
    with torch.no_grad():
        made.low_rank.up.normal_()
        made.magnitude.mul_(2.0)
    matrix = weight.flatten(1) + 3.0 * made.low_rank.up @ made.low_rank.down
    direction = matrix / matrix.norm(dim=1, keepdim=True)
    expected = 2 * weight.flatten(1).norm(dim=1, keepdim=True) * direction
    assert torch.allclose(made(weight).flatten(1), expected, atol=1e-5)


def test_the_norm_is_a_constant_in_the_gradient() -> None:
    """With the norm constant, the gradient of the low rank may point along the weight itself; else it could not."""
    weight = torch.randn(3, 4)
    made = Decomposed(weight, axis=0, rank=3, alpha=3.0)
    (made(weight) * weight).sum().backward()
    assert made.low_rank.up.grad is not None and made.low_rank.up.grad.abs().max() > 1e-3


def test_a_weight_with_its_outputs_last_and_a_row_of_zeros() -> None:
    weight = torch.randn(4, 6)
    weight[:, 2] = 0
    made = Decomposed(weight, axis=1, rank=2, alpha=2.0)
    assert made.magnitude.shape == (1, 6)
    assert torch.equal(made(weight), weight)


def test_magnitudes_and_directions_learn() -> None:
    backbone = toys.source("timm:test_vit")
    tuning = Dora(layers=("*.qkv",)).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))
    assert len(tuning.groups[0].params) == 3 * 6
