"""`remove` passes on what came, `insert` keeps all names and starts as the identity, `replace` puts another kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.models.operate import operate
from models.surgery.patients import patient_after, tiny_bert, toy

X = torch.rand(2, 3, 160, 160)


def run(backbone, x: Any = X):
    with torch.no_grad():
        return backbone.eval()(x)["pooled"]


def test_a_removed_layer_is_as_if_it_passed_on_its_input():
    backbone = toy("timm:test_vit")
    without = patient_after(backbone, "remove layers=blocks.3")
    handle = backbone.net.blocks[3].register_forward_hook(lambda module, inputs, output: inputs[0])
    expected = run(backbone)
    handle.remove()
    assert torch.equal(run(without), expected)
    kept = {n for n, _ in backbone.named_parameters() if ".blocks.3." not in n}
    assert {n for n, _ in without.named_parameters()} == kept, "the others keep their names"
    assert "blocks.3" not in without.stages()


def test_a_layer_of_a_text_encoder_is_removed_by_its_stage(tmp_path):
    backbone = tiny_bert(tmp_path / "bert")
    x = {"input_ids": torch.randint(3, 13, (2, 4)), "attention_mask": torch.ones(2, 4, dtype=torch.long)}
    without = patient_after(backbone, "remove layers=layers.1")
    assert torch.equal(run(without, x), run(patient_after(backbone, "cut after=layers.0"), x))


@pytest.mark.parametrize("after", ["layer2", "layer2.0.conv1", "stem"])
def test_an_inserted_linear_layer_starts_as_the_identity(after):
    backbone = toy("timm:test_resnet")
    more = patient_after(backbone, f"insert layer=linear after={after}")
    assert torch.allclose(run(more), run(backbone), atol=1e-5)
    names, before = dict(more.named_parameters()), dict(backbone.named_parameters())
    new = sorted(set(names) - set(before))
    assert set(before) < set(names) and len(new) == 2 and all(".inserted." in n for n in new)
    stage = next(s for s, own in more.stages().items() if new[0] in own)
    assert stage == after.split(".")[0]
    more.train()(X)["pooled"].sum().backward()
    assert all(names[n].grad is not None for n in new), "it takes part"


def test_a_linear_layer_gives_as_many_outputs_as_the_one_that_it_replaces():
    new = patient_after(toy("timm:test_vit"), "replace layers=blocks.0.mlp.fc1 by=linear").net.blocks[0].mlp.fc1
    assert list(next(new.parameters()).shape) == [192, 64]


@pytest.mark.parametrize(
    ("after", "layer", "stage"), [("maxpool", "batch_norm", "stem"), ("global_pool", "layer_norm", "layer4")]
)
def test_a_layer_beside_no_stage_joins_the_one_before_it(after, layer, stage):
    backbone = toy("timm:test_resnet")
    stages = patient_after(backbone, f"insert layer={layer} after={after}").stages()
    assert list(stages) == list(backbone.stages())
    assert {name for name in stages[stage] if ".inserted." in name} == {
        f"net.{after}.inserted.weight",
        f"net.{after}.inserted.bias",
    }


def test_inserted_layers_follow_the_order_that_was_asked_for():
    backbone = toy("vector:mlp")
    x = torch.randn(4, 6)
    operated = patient_after(backbone, "insert layer=relu after=layer2", "insert layer=tanh after=layer2")
    assert torch.allclose(run(operated, x), run(backbone, x).tanh().relu()), "directly after the layer"
    before = patient_after(backbone, "insert layer=tanh before=layer2")
    hidden = run(patient_after(backbone, "cut after=layer1"), x)
    assert torch.allclose(run(before, x), backbone.net.layer2(hidden.tanh()))


def test_dropout_drops_in_training_only():
    backbone = patient_after(toy("vector:mlp"), "insert layer=dropout rate=0.5 after=layer2")
    x = torch.randn(4, 6)
    assert torch.equal(run(backbone, x), run(toy("vector:mlp"), x))
    assert not torch.equal(backbone.train()(x)["pooled"], backbone(x)["pooled"])


def test_activations_and_norms_are_replaced_by_pattern():
    backbone = toy("timm:test_resnet")
    other = patient_after(backbone, "replace layers=*.act* by=silu", "replace layers=*.bn* by=group_norm")
    kinds = [type(m) for n, m in other.net.named_modules() if n.startswith("layer") and "downsample" not in n]
    assert nn.SiLU in kinds and nn.GroupNorm in kinds and nn.ReLU not in kinds and nn.BatchNorm2d not in kinds
    assert torch.isfinite(run(other)).all()


def test_a_pooling_is_replaced_by_another():
    backbone = toy("timm:test_resnet")
    with torch.no_grad():
        maps = backbone.eval()(X)["maps"][0]
    for kind, expected in [
        ("max_pool", maps.amax(dim=(2, 3))),
        ("avg_pool", maps.mean(dim=(2, 3))),
        ("avg_max_pool", (maps.amax(dim=(2, 3)) + maps.mean(dim=(2, 3))) / 2),
        ("flatten", maps.flatten(1)),
    ]:
        changed = patient_after(backbone, f"replace layers=global_pool by={kind}")
        assert torch.allclose(run(changed), expected, atol=1e-6) and changed.dim == expected.shape[1]


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("remove layers=layer2", ["'layer2'", "[B, 48, 20, 20]", "[B, 32, 40, 40]"]),
        ("remove layers=layr2", ["'layr2'", "Nearest: layer2"]),
        ("remove layers=layer3.0.conv2", ["'layer3.0.conv2'", "[B, 48, 10, 10]"]),
        ("insert layer=linear width=5 after=layer2", ["'layer3.0.conv1'", "gets [B, 5, 20, 20]", "[B, 48, 20, 20]"]),
        ("insert layer=dropout", ["`after` or `before`"]),
        ("insert layer=droput after=layer1", ["'droput'", "dropout"]),
        ("insert layer=dropout rate=1 after=layer1", ["rate"]),
        ("replace layers=layer3.0.bn1 by=linear width=7", ["'layer3.0.conv2'", "[B, 7, 20, 20]"]),
        ("replace layers=layer1 by=max_pool", ["'max_pool'", "[B, 32, 40, 40]"]),
        ("replace layers=nothing.* by=gelu", ["'nothing.*'"]),
        ("rename layer=conv1 to=bn1", ["'bn1' already"]),
        ("rename layer=conv1 to=a.b", ["a.b"]),
        ("freeze layers=block9", ["'block9'", "Stages: stem"]),
        ("load_layers layers=block9", ["'block9'"]),
        ("cut after=layer1 pool=cls", ["'layer1'", "[B, 32, 40, 40]"]),
    ],
)
def test_what_does_not_fit_names_the_layer_and_shapes_and_changes_nothing(operation, words):
    backbone = toy("timm:test_resnet")
    before = toys.snapshot(backbone)
    with pytest.raises(UsageError) as error:
        operate(backbone, [operation])
    assert all(word in str(error.value) for word in words), str(error.value)
    assert toys.moved(before, backbone) == set() and "surgery" not in backbone.card.architecture
