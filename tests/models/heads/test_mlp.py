"""The MLP head: an even guess at first, and a hidden layer that bends and is dropped out in training."""

from __future__ import annotations

import pytest
import torch

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.types import Features
from headstart.models.heads.mlp import Mlp
from models.heads.contract import CLASSES, check_head, learn


@pytest.mark.parametrize("values", [{"hidden": 8}, {"dropout": 0}])
def test_it_is_a_head(values):
    check_head(lambda **options: Mlp(**{**values, **options}))


def test_it_is_not_affine_in_the_features():
    head = learn(Mlp().build(32, CLASSES)).eval()
    a, b = torch.randn(6, 32), torch.randn(6, 32)
    between = head(Features(pooled=0.3 * a + 0.7 * b))
    assert not torch.allclose(between, 0.3 * head(Features(pooled=a)) + 0.7 * head(Features(pooled=b)), atol=1e-2)


def test_dropout_is_on_in_training_only():
    head, features = learn(Mlp(dropout=0.5).build(32, CLASSES)), Features(pooled=torch.randn(6, 32))
    assert not torch.equal(head.train()(features), head(features))
    assert torch.equal(head.eval()(features), head(features))


@pytest.mark.parametrize("values", [{"dropout": 1}, {"hidden": 0}])
def test_options_out_of_range(values):
    with pytest.raises(UsageError, match="must be"):
        plugins.build("heads", "mlp", values)


def test_behind_the_hidden_layer_stands_what_was_asked_for():
    hidden = torch.tensor([[-1.0, 0.5, 2.0]])
    for activation, wanted in (("relu", hidden.clamp(min=0)), ("gelu", torch.nn.functional.gelu(hidden))):
        options = plugins.build("heads", "mlp", {"hidden": 3, "activation": activation})
        assert torch.equal(options.build(2, CLASSES).trunk[1](hidden), wanted)
        assert options.hidden_layer == ("trunk.0" if activation == "gelu" else "")  # what feeds on it puts GELU behind
