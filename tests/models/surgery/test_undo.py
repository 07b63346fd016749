"""What is undone leaves no trace, by SHA-256 of weights and outputs; what does not fit says where, and which shapes."""

from __future__ import annotations

import hashlib

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.models.model import Backbone
from headstart.models.operate import operate

CHANGES = [
    "insert layer=tanh after=layer1",
    "insert layer=linear before=layer3",
    "insert layer=batch_norm after=layer2.0.conv1",
    "remove layers=layer1.0.conv1",
    "remove layers=layer1.0",
    "replace layers=*.act* by=gelu",
    "replace layers=*.bn1 by=group_norm",
    "replace layers=global_pool by=max_pool",
]

RESNET, VIT = "timm:test_resnet", "timm:test_vit"
WRONG = [  # network, operation, the layer and the shapes that the message must name
    (RESNET, "remove layers=layer2", "layer2", "[B, 48, 20, 20]", "[B, 32, 40, 40]"),
    (RESNET, "remove layers=layer3.0.conv2", "layer3.0.conv2", "[B, 48, 10, 10]", "[B, 48, 20, 20]"),
    (VIT, "remove layers=patch_embed", "patch_embed", "[B, 10, 10, 64]", "[B, 3, 160, 160]"),
    (RESNET, "insert layer=linear width=5 after=layer2", "layer3.0.conv1", "[B, 5, 20, 20]", "[B, 48, 20, 20]"),
    (RESNET, "insert layer=linear width=7 before=layer3", "layer3.0.conv1", "[B, 7, 20, 20]", "[B, 48, 20, 20]"),
    (RESNET, "insert layer=linear width=9 after=conv1", "bn1", "[B, 9, 80, 80]", "[B, 32, 80, 80]"),
    (RESNET, "insert layer=linear width=4 after=layer3.0.conv1", "layer3.0.bn1", "[B, 4, 20, 20]", "[B, 48, 20, 20]"),
    (VIT, "insert layer=linear width=5 after=blocks.2", "blocks.3.norm1", "[B, 101, 5]", "[B, 101, 64]"),
    (RESNET, "replace by=linear width=7 layers=layer3.0.bn1", "layer3.0.conv2", "[B, 7, 20, 20]", "[B, 48, 20, 20]"),
    (RESNET, "replace layers=layer1 by=max_pool", "layer1", "[B, 32, 40, 40]", "[B, C, 1, 1]"),
    (VIT, "replace layers=blocks.1 by=linear width=10", "blocks.2.norm1", "[B, 101, 10]", "[B, 101, 64]"),
    (RESNET, "cut after=layer1 pool=cls", "layer1", "[B, 32, 40, 40]", "[B, T, D]"),
]  # fmt: skip


def fingerprint(backbone: Backbone) -> str:
    """Hash all tensors, and the features of two images."""
    digest = hashlib.sha256()
    size = 160
    x = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled = backbone.eval()(x)["pooled"]
    for name, tensor in {**backbone.state_dict(), "": pooled}.items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("change", CHANGES)
def test_an_operation_undone_leaves_weights_and_outputs_as_they_were(change: str) -> None:
    source = toys.source("timm:test_resnet")
    before = fingerprint(source)
    operated = operate(source, ["insert layer=linear after=layer2", change])
    after = fingerprint(operated.backbone)
    first_alone = fingerprint(operate(source, ["insert layer=linear after=layer2"]).backbone)
    assert len({before, after, first_alone}) == 3, "each step shows in the fingerprint"
    for parameter in operated.backbone.parameters():
        parameter.data.add_(1.0)  # training goes on
    assert fingerprint(operated.undo(1)) == first_alone
    assert fingerprint(operated.undo()) == before


@pytest.mark.parametrize(("network", "operation", "layer", "came", "needed"), WRONG)
def test_a_wrong_operation_names_the_layer_and_both_shapes(
    network: str, operation: str, layer: str, came: str, needed: str
) -> None:
    source = toys.source(network)
    before = fingerprint(source)
    with pytest.raises(UsageError) as error:
        operate(source, [operation])
    message = str(error.value)
    assert layer in message and came in message and needed in message, message
    assert fingerprint(source) == before


def test_a_layer_that_gets_what_it_always_got_is_not_said_to_need_it() -> None:
    with pytest.raises(UsageError) as caught:  # the sum inside of the block fails
        operate(toys.source(RESNET), ["replace layers=layer2.0.conv1 by=linear"])
    assert "layer 'layer2.0' gets [B, 32, 40, 40]: " in str(caught.value) and "and needs" not in str(caught.value)
