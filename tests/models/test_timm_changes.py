"""Changes to timm's networks, from the plain data of a card."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.core.errors import SourceError
from headstart.models import timm_backbone
from headstart.models.timm_changes import change


def test_means_are_of_the_pixels_inside_the_map():
    """In a map of ones, the mean of 3 x 3 pixels with zeros around is 4/9 in a corner; without them it is 1."""
    net = nn.Module()
    net.pool = nn.Identity()
    change(net, {"means_inside": ["pool"]})
    outside = nn.functional.avg_pool2d(torch.ones(2, 3, 4, 5), kernel_size=3, stride=1, padding=1)
    assert outside[0, 0, 0, 0].item() == pytest.approx(4 / 9)
    assert torch.allclose(net.pool(outside), torch.ones(2, 3, 4, 5))


def test_strides_and_eps():
    architecture = {"name": "test_resnet", "changes": {"eps": 0.5, "strides": {"conv1.0": 1}}}
    net, plain = (timm_backbone.create(made).eval() for made in (architecture, {"name": "test_resnet"}))
    assert {module.eps for module in net.modules() if isinstance(module, nn.BatchNorm2d)} == {0.5}
    x = torch.rand(1, 3, 32, 32)
    assert net.forward_features(x).shape[-1] == 2 * plain.forward_features(x).shape[-1]  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("changes", [{"exec": "x"}, {"strides": {"no_such.layer": 1}}, {"means_inside": 3}])
def test_what_is_no_change_is_refused(changes):
    with pytest.raises(SourceError, match="change"):
        timm_backbone.create({"name": "test_resnet", "changes": changes})
