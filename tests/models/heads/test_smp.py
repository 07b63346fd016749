"""Decoders of segmentation-models-pytorch on our maps: those of the package's own models, number by number."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core.errors import UsageError
from headstart.models.heads import smp
from headstart.models.heads.smp import KINDS, PACKAGE, Decoding, Name, Smp
from headstart.models.operate import operate

TARGET: Any = SimpleNamespace(outputs=3, output=nn.Identity)
MODELS = {
    "unet": "Unet",
    "unetplusplus": "UnetPlusPlus",
    "manet": "MAnet",
    "linknet": "Linknet",
    "fpn": "FPN",
    "upernet": "UPerNet",
    "segformer": "Segformer",
    "deeplabv3plus": "DeepLabV3Plus",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", get_args(Name))
def test_a_decoder_is_that_of_the_packages_own_model(name: Name) -> None:
    package = pytest.importorskip(PACKAGE)
    depth = {"encoder_depth": 4} if KINDS[name].coarsest == 16 else {}
    whole = getattr(package, MODELS[name])("resnet18", encoder_weights=None, classes=3, **depth).eval()
    with torch.no_grad():
        found = whole.encoder(torch.rand(2, 3, 64, 64))
        made = Decoding(KINDS[name], [each[:1] for each in found[1:]], (64, 64), 3).eval()
        made.decoder.load_state_dict(whole.decoder.state_dict())
        expected = whole.decoder(found)
        assert torch.equal(made.decoder(made.listed(found[1:])), expected)
        assert torch.allclose(made(found[1:]), functional.conv2d(expected, made.last.weight, made.last.bias), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", get_args(Name))
def test_it_learns_from_the_maps_of_any_network_and_answers_evenly_at_first(name: Name) -> None:
    pytest.importorskip(PACKAGE)
    backbone = operate(toys.small("timm:test_resnet"), ["maps"]).backbone.eval()
    head: Any = Smp(name).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    side = head.size[0]
    with torch.no_grad():
        features = backbone(torch.rand(2, 3, side, side))
        out = head.eval()(features)
    assert out.shape == (2, 3, side, side) and not head.pooled
    assert functional.cross_entropy(out, torch.randint(3, (2, side, side))).item() == pytest.approx(
        math.log(3), abs=0.1
    )
    head.train()(features).square().sum().backward()
    assert all(each.grad is not None for each in head.parameters())


@pytest.mark.slow
def test_a_map_of_stride_2_is_read_where_there_is_one() -> None:
    pytest.importorskip(PACKAGE)
    maps = [
        torch.randn(1, width, 64 // stride, 64 // stride)
        for width, stride in ((4, 2), (5, 4), (6, 8), (7, 16), (8, 32))
    ]
    for shown, channels in ((maps, [0, 4, 5, 6, 7, 8]), (maps[1:], [0, 0, 5, 6, 7, 8])):
        listed = Decoding(KINDS["unet"], shown, (64, 64), 2).listed(shown)
        assert [each.shape[1] for each in listed] == channels
        assert [each.shape[2] for each in listed] == [64, 32, 16, 8, 4, 2]


@pytest.mark.parametrize(
    ("sides", "size", "name"),
    [((16, 8, 4), 64, "unet"), ((16, 4), 64, "deeplabv3plus"), ((10, 5, 3, 2), 40, "fpn"), ((4,), 64, "linknet")],
)
def test_other_maps_are_refused(sides: tuple[int, ...], size: int, name: Name) -> None:
    maps = [torch.zeros(1, 2, side, side) for side in sides]
    with pytest.raises(UsageError, match=r"reads maps of strides 4 to .*adapt_input whole=true size=224"):
        Decoding(KINDS[name], maps, (size, size), 3)


def test_a_network_without_maps_and_a_machine_without_the_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"'smp' needs maps, and .* gives none"):
        Smp().build(4, TARGET).fit_to(toys.source("timm:test_vit"))
    monkeypatch.setattr(smp, "PACKAGE", "not_there")
    backbone = operate(toys.small("timm:test_resnet"), ["maps"]).backbone
    with pytest.raises(UsageError, match=r"lacks its package .* pip install 'headstart\[segmentation\]'"):
        Smp().build(backbone.dim, TARGET).fit_to(backbone)
