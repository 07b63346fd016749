"""`rename`: layers, parameters and stages have the new name, and the network computes the same."""

from __future__ import annotations

import torch

from models.surgery.patients import patient_after, toy


def test_a_layer_has_the_new_name_everywhere_and_the_order_of_stages_stays():
    backbone = toy("timm:test_resnet")
    operated = patient_after(backbone, "rename layer=layer2 to=middle", "rename layer=layer3.0 to=first")
    names = [n for n, _ in operated.named_parameters()]
    assert any(n.startswith("net.middle.") for n in names) and not any(n.startswith("net.layer2.") for n in names)
    assert any(n.startswith("net.layer3.first.") for n in names)
    assert list(operated.stages()) == ["stem", "layer1", "middle", "layer3", "layer4"]
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(operated.eval()(x)["pooled"], backbone.eval()(x)["pooled"])


def test_later_operations_use_the_new_name():
    operated = patient_after(
        toy("timm:test_resnet"),
        "freeze layers=conv1",
        "rename layer=conv1 to=entrance",
        "replace layers=act1 by=gelu",
        "cut after=layer1",
    )
    held = [n for n, frozen in operated.freeze_overrides.items() if frozen]
    assert held and all(n.startswith("net.entrance.") for n in held)
    again = patient_after(operated, "rename layer=act1 to=bend", "replace layers=bend by=silu")
    assert isinstance(again.net.act1, torch.nn.SiLU) and again.net.act1 is again.net.bend


def test_a_stage_that_is_no_layer_is_renamed():
    operated = patient_after(toy("timm:test_resnet"), "rename layer=stem to=mouth")
    assert next(iter(operated.stages())) == "mouth"


def test_a_leading_net_may_be_left_out_and_a_cut_follows_its_layer():
    x = torch.rand(2, 3, 64, 64)
    cut = patient_after(toy("timm:test_resnet"), "cut after=layer3.0")
    renamed = patient_after(cut, "rename layer=net.layer3.0 to=first", "rename layer=layer3 to=third")
    with torch.no_grad():
        assert torch.equal(renamed.eval()(x)["pooled"], cut.eval()(x)["pooled"])
