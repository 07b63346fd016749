"""`maps`: the features stay as they were, and the maps are what the stages give, one of each resolution."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.features.tracing import trace
from headstart.inputs.image import Image
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.taps import stage_modules
from models.surgery.patients import patient_after, toy


def resnet() -> Backbone:
    backbone = toys.source("timm:test_resnet")
    expects = cast(Image, backbone.card.input)
    backbone.card = dataclasses.replace(backbone.card, input=dataclasses.replace(expects, height=64, width=64))
    return backbone


def given(backbone: Backbone, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what each stage gives."""
    seen: dict[str, torch.Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _, __, out, stage=stage: seen.update({stage: out}))
        for stage, module in stage_modules(backbone).items()
    ]
    with torch.no_grad():
        backbone.eval()(x)
    for handle in handles:
        handle.remove()
    return seen


def test_maps_are_what_the_last_stage_of_each_resolution_gives() -> None:
    backbone, x = resnet(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before, stages = backbone.eval()(x)["pooled"], given(backbone, x)
        found = patient_after(backbone, "maps").eval()(x)
    assert torch.equal(found["pooled"], before)
    sizes = [each.shape[2] for each in found["maps"]]
    assert sizes == sorted({each.shape[2] for each in stages.values() if each.shape[2] <= 16}, reverse=True)
    for each in found["maps"]:
        same = [stage for stage in stages.values() if stage.shape == each.shape]
        assert torch.equal(each, same[-1])


@pytest.mark.parametrize("name", ["timm:test_convnext", "timm:test_mambaout"])  # the second has channels last
def test_of_two_stages_of_one_resolution_the_last_gives_the_maps_channels_second(name: str) -> None:
    backbone, x = load_source(name, {"pretrained": False}), torch.rand(2, 3, 160, 160)
    stages = given(backbone, x)
    assert stages["stem"].shape == stages["stages.0"].shape
    with torch.no_grad():
        finest = patient_after(backbone, "maps").eval()(x)["maps"][0]
    wanted = stages["stages.0"] if name.endswith("convnext") else stages["stages.0"].permute(0, 3, 1, 2)
    assert torch.equal(finest, wanted) and finest.shape[2:] == (40, 40)


def test_finer_maps_are_asked_for_and_come_with_a_cut() -> None:
    backbone, x = resnet(), torch.rand(2, 3, 64, 64)
    finer = patient_after(backbone, "maps finest=2").eval()(x)["maps"]
    assert finer[0].shape[2] > patient_after(backbone, "maps").eval()(x)["maps"][0].shape[2]
    cut: Any = patient_after(patient_after(backbone, "cut after=layer2"), "maps").eval()(x)
    assert torch.equal(cut["maps"][-1].mean((2, 3)), cut["pooled"])


def test_a_network_that_ends_in_tokens_is_refused() -> None:
    with pytest.raises(UsageError, match=r"maps: .* gives no maps"):
        patient_after(toy("timm:test_vit"), "maps")


def test_what_stays_constant_of_the_maps_is_kept_by_the_cache() -> None:
    backbone: Any = patient_after(resnet(), "maps").eval()
    for parameter in backbone.parameters():
        parameter.requires_grad = False
    x = torch.rand(4, 3, 64, 64)
    traced = trace(backbone, x, [], tokens=False, free=False)
    again: Any = traced.after(None, traced.before(x), training=True)
    for one, other in zip(backbone(x)["maps"], again["maps"], strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert traced.share > 0.9 and not traced.needs_x
