"""The decoder: a feature pyramid whose parts add up as its equation says, and an answer for each pixel."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core.errors import UsageError
from headstart.models.heads.decoder import Decoder, Pyramid
from headstart.models.operate import operate

TARGET: Any = SimpleNamespace(outputs=3, output=nn.Identity)


def test_the_pyramid_is_its_equation() -> None:
    made: Any = Pyramid((2, 5), 8, 3, 0.0)
    fine, coarse = torch.randn(1, 2, 6, 6), torch.randn(1, 5, 3, 3)
    one, two = (layer.weight[:, :, 0, 0] for layer in made.laterals)
    lateral = torch.einsum("wc,bchx->bwhx", two, coarse) + made.laterals[1].bias[:, None, None]
    up = functional.interpolate(lateral, size=(6, 6), mode="bilinear", align_corners=False)
    summed = torch.einsum("wc,bchx->bwhx", one, fine) + made.laterals[0].bias[:, None, None] + up
    smooth = functional.conv2d(summed, made.smooth.weight, padding=1)
    normed = functional.group_norm(smooth, 8, made.norm.weight, made.norm.bias).relu()
    expected = torch.einsum("oc,bchx->bohx", made.last.weight[:, :, 0, 0], normed)
    assert torch.allclose(made((fine, coarse)), expected + made.last.bias[:, None, None], atol=1e-5)


def test_it_is_made_for_the_maps_and_answers_for_each_pixel_evenly_at_first() -> None:
    backbone = operate(toys.small("timm:test_resnet"), ["maps"]).backbone.eval()
    head: Any = Decoder(width=16).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    with torch.no_grad():
        features = backbone(torch.rand(2, 3, 64, 64))
        out = head.eval()(features)
    assert out.shape == (2, 3, 64, 64) and not head.pooled
    assert len(head.trunk.laterals) == len(features["maps"]) > 1
    even = functional.cross_entropy(out, torch.randint(3, (2, 64, 64)))
    assert even.item() == pytest.approx(math.log(3), abs=0.1)


def test_while_it_learns_it_answers_for_every_second_pixel() -> None:
    backbone = operate(toys.small("timm:test_resnet"), ["maps"]).backbone.eval()
    head: Any = Decoder(width=16, dropout=0).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    nn.init.normal_(head.trunk.last.weight)
    with torch.no_grad():
        features = backbone(torch.rand(2, 3, 64, 64))
        learning, whole = head.train()(features), head.eval()(features)
    assert learning.shape == (2, 3, 32, 32) and whole.shape == (2, 3, 64, 64)
    between = functional.avg_pool2d(whole, 2)  # of bilinear pixels the mean of four is the value in their middle
    assert torch.allclose(learning, between, atol=0.02 * float(whole.abs().max()))


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(UsageError, match=r"needs maps, and .* gives none"):
        Decoder().build(4, TARGET).fit_to(toys.source("timm:test_vit"))
    with pytest.raises(UsageError, match="needs maps"):
        Decoder().build(4, TARGET).fit_to(toys.source("vector:mlp"))


@pytest.mark.parametrize("options", [{"width": 12}, {"width": 0}, {"dropout": 1.0}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Decoder(**options)
