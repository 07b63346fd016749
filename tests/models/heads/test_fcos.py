"""The detector: places that say where they lie, one answer for each, and weights that all levels share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.models.heads.fcos import Detector, Fcos, places
from headstart.models.operate import operate

TARGET: Any = SimpleNamespace(outputs=5 + 2, output=nn.Identity)


def test_places_lie_in_the_middle_of_their_squares() -> None:
    assert places(torch.zeros(1, 3, 2, 4)).tolist() == [
        [x, y, 0.25, 0.5] for y in (0.25, 0.75) for x in (0.125, 0.375, 0.625, 0.875)
    ]


def test_the_levels_share_their_towers_and_have_a_scale_each() -> None:
    made: Any = Detector((2, 5), 8, 1, 7)
    with torch.no_grad():
        for layer in (*made.laterals, *made.smooth, made.coarser):
            layer.weight.zero_()
            layer.bias.fill_(1.0)  # every level is the same everywhere
        made.of_classes = made.of_boxes = nn.Sequential()
        for layer in (made.boxes, made.classes):
            layer.weight.zero_()
            layer.weight[:, :, 1, 1].normal_(std=0.3)  # no edge is seen
        made.scales.copy_(torch.tensor([1.0, 2.0, 0.0]))
        out = made((torch.randn(1, 2, 6, 6), torch.randn(1, 5, 3, 3)))
    fine, coarse, coarsest = out[0, :, 4:].split([36, 9, 4])
    middle = fine[0], coarse[0]
    assert torch.allclose(middle[0][4:], middle[1][4:], atol=1e-5)  # classes and how central: the same weights
    assert torch.allclose(middle[0][:4].log() * 2, middle[1][:4].log(), atol=1e-4)
    assert torch.equal(coarsest[:, :4], torch.ones(4, 4))


def test_it_is_made_for_the_maps_and_finds_nothing_at_first() -> None:
    backbone = operate(toys.small("timm:test_resnet"), ["maps finest=8"]).backbone.eval()
    head: Any = Fcos(width=16, depth=1).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    with torch.no_grad():
        features = backbone(torch.rand(2, 3, 64, 64))
        out = head.eval()(features)
    sizes = [level.shape[2] for level in features["maps"]]
    assert out.shape == (2, sum(side**2 for side in (*sizes, (sizes[-1] + 1) // 2)), 4 + TARGET.outputs)
    assert not head.pooled and head.forms == ("boxes",)
    assert torch.allclose(out[..., 9:].sigmoid(), torch.tensor(0.01), atol=0.005)  # the prior of focal loss


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'fcos' needs maps, and .* gives none"):
        Fcos().build(4, TARGET).fit_to(toys.source("vector:mlp"))


@pytest.mark.parametrize("options", [{"width": 12}, {"width": 0}, {"depth": 0}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Fcos(**options)
