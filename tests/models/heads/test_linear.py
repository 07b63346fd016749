"""The linear head: an even guess at first, and an affine function of the features."""

from __future__ import annotations

import torch

from headstart.core.types import Features
from headstart.models.heads.linear import Linear
from models.heads.contract import CLASSES, check_head, learn


def test_it_is_a_head():
    check_head(lambda **options: Linear(**options))


def test_it_is_affine_in_the_features_also_after_learning():
    head = learn(Linear().build(32, CLASSES)).eval()
    a, b = torch.randn(6, 32), torch.randn(6, 32)
    between = head(Features(pooled=0.3 * a + 0.7 * b))
    assert torch.allclose(between, 0.3 * head(Features(pooled=a)) + 0.7 * head(Features(pooled=b)), atol=1e-5)
