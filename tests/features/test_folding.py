"""Claim: folding keeps the features and leaves the network untouched, and is left out where it would change them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import toys
from headstart.core.seeding import torch_seeded
from headstart.core.types import Card
from headstart.features.folding import folded, has_norms
from headstart.inputs.image import Image
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.paths import insert_paths
from headstart.sharing.cross_stitch import InStep
from headstart.strategies.head2toe import Head2Toe


def shaken(backbone: Backbone) -> Backbone:
    """Return the batch norms statistics and weights that matter."""
    with torch_seeded("shaken"), torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    return backbone


def test_a_norm_that_is_watched_stays() -> None:
    with torch_seeded("net"):
        backbone = shaken(load_source("timm:mobilenetv1_100", {"pretrained": False}))
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    Head2Toe().prepare(model)
    x = torch.rand(3, 3, 64, 64)
    fast = folded(model.backbone, x[:2])
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (fast, backbone)]
    assert 0 < norms[0] < norms[1]
    with torch.inference_mode():
        assert torch.allclose(fast(x)["pooled"], backbone.eval()(x)["pooled"], atol=1e-4)


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:mobilenetv2_100", "timm:test_efficientnet"])
def test_the_features_agree_and_the_network_is_untouched(name: str) -> None:
    with torch_seeded("net"):
        backbone = shaken(load_source(name, {"pretrained": False})).train()
    before = toys.snapshot(backbone)
    x = torch.rand(3, 3, 64, 64)
    fast = folded(backbone, x[:2])
    assert fast is not backbone and not has_norms(fast)
    assert not toys.moved(before, backbone) and backbone.training and has_norms(backbone)
    expected = backbone.eval()(x)["pooled"]
    with torch.inference_mode():
        assert (fast(x)["pooled"] - expected).abs().max() < 1e-4 * expected.abs().max()


class Forked(Backbone):
    """A convolution whose output goes to a batch norm and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("toy:forked", "toy", 0, Image(8, 8), "toy", {})
        self.dim = 4
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"all": tuple(name for name, _ in self.named_parameters())}

    def forward(self, x: torch.Tensor) -> Any:
        out = self.conv(x)
        return {"pooled": (self.norm(out) + out).mean(dim=(2, 3))}


def test_what_would_change_the_features_is_not_folded() -> None:
    backbone = shaken(Forked())
    assert folded(backbone, torch.rand(2, 3, 8, 8)) is backbone


def test_a_network_without_batch_norm_stays_as_it_is() -> None:
    backbone = toys.source("timm:test_vit")
    assert not has_norms(backbone)


def test_what_each_target_has_of_its_own_stays() -> None:
    """Of targets in step a norm of their own stays; what they have in common before it is folded."""
    with torch_seeded("net"):
        backbone = shaken(toys.small("timm:test_resnet"))
    own = [name for name, _ in backbone.named_parameters() if name.startswith("net.layer3.0.bn1.")]
    paths = insert_paths(backbone, ["first", "second"], own, InStep)
    with torch.no_grad():
        for tensor in paths.of("second").values():
            tensor.add_(1.0)
    x = torch.rand(backbone.card.input.blank(2).shape)
    fast = folded(backbone, x)
    left = {name for name, module in fast.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert "net.layer3.0.bn1" in left and not any(name.startswith("net.layer1.") for name in left)
    with torch.inference_mode():
        one, other = fast(x)["pooled"].chunk(2, dim=1)
        assert torch.allclose(fast(x)["pooled"], backbone.eval()(x)["pooled"], atol=1e-4)
    assert not torch.allclose(one, other, atol=1e-2)
