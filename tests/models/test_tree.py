"""Inspection: every parameter once, shapes as in a real run, and what is frozen."""

from __future__ import annotations

import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.models.model import Model
from headstart.models.tree import Inspection, Layer, inspect_network
from models.surgery.patients import patient_after, tiny_bert, toy


def leaves(layer: Layer) -> list[Layer]:
    return [layer] if not layer.children else [leaf for child in layer.children for leaf in leaves(child)]


def lines_of(found: Inspection, name: str) -> list[str]:
    words = [line.split() for line in found.text(None).splitlines()]
    return [" ".join(line) for line in words if line[0] == name]


@pytest.mark.parametrize("name", list(toys.SOURCES))
def test_every_parameter_is_counted_once(name):
    backbone = toy(name)
    found = inspect_network(backbone)
    assert [stage.name for stage in found.stages] == list(backbone.stages())
    total = sum(p.numel() for p in backbone.parameters())
    assert sum(stage.parameters for stage in found.stages) == total
    assert sum([leaf.parameters for stage in found.stages for leaf in leaves(stage)]) == total
    assert f"{total:,} parameters, of which {total:,} learn; features [B, {backbone.dim}]" in str(found)


def test_a_text_encoder_by_layers(tmp_path):
    found = inspect_network(tiny_bert(tmp_path / "bert"))
    assert [stage.name for stage in found.stages] == ["embeddings", "layers.0", "layers.1"]
    assert found.stages[1].shape == (2, 8, 16) and found.stages[1].children[0].name == "encoder.layer.0"


def test_shapes_and_what_learns():
    backbone = patient_after(toy("timm:test_resnet"), "freeze layers=layer1,layer2.0.conv1")
    for parameter in backbone.net.layer4.parameters():
        parameter.requires_grad_(False)
    model = Model(backbone, {"target": toys.make_model(backbone, toys.dataset(backbone.card.input)).head})
    found = inspect_network(model)
    states = {stage.name: stage.state for stage in found.stages}
    assert states == {
        "stem": "learns",
        "layer1": "frozen",
        "layer2": "part learns",
        "layer3": "learns",
        "layer4": "frozen",
        "heads.target": "learns",
    }
    with torch.no_grad():
        hidden = backbone.eval().net.maxpool(
            backbone.net.act1(backbone.net.bn1(backbone.net.conv1(torch.rand(2, 3, 160, 160))))
        )
    assert found.stages[0].shape == hidden.shape


def test_the_layers_of_a_head():
    backbone = toy("digits:cnn")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input), "mlp")
    head = inspect_network(model).stages[-1]
    assert head.name == "heads.target" and head.children
    sizes = {name: sum(p.numel() for p in layer.parameters()) for name, layer in model.head.named_children()}
    assert [f"heads.target.{name}" for name, size in sizes.items() if size] == [child.name for child in head.children]
    assert sum(child.parameters for child in head.children) == head.parameters


def test_depth_and_plain_data():
    found = inspect_network(toy("timm:test_vit"))
    lines = found.text(1).splitlines()
    assert len(lines) == 1 + len(found.stages) + 1 and lines[1].startswith("stem")
    assert len(found.text(None).splitlines()) > len(found.text(2).splitlines()) > len(lines)
    assert lines_of(found, "cls_token") == ["cls_token Parameter [1, 1, 64] 64 learns"]  # a parameter's own shape
    assert lines_of(found, "blocks.0") == ["blocks.0 Block [B, 101, 64] 41,728 learns"]
    plain = found.to_plain(1)
    assert plain["stages"][0]["layers"] == [] and plain["stages"][1]["shape"] == [None, 101, 64]
    assert found.to_plain()["stages"][1]["layers"][0]["name"] == "blocks.0.norm1"


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit", "digits:cnn"])
@pytest.mark.parametrize("strategy", ["bottleneck", "head2toe", "side_tuning", "lora", "stoch_norm"])
def test_a_strategys_own_modules_are_shown(name, strategy):
    backbone = toy(name)
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    try:
        plugins.build("strategies", strategy, {}).prepare(model)
    except UsageError:  # needs another backbone
        return
    found = inspect_network(model)
    assert sum(stage.parameters for stage in found.stages) == sum(p.numel() for p in model.parameters())
