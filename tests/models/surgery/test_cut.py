"""`cut`: the features are exactly what the layer gave in the whole network, and what comes later is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headstart.core.errors import UsageError
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.models.pooling import mean_over_tokens
from models.surgery.patients import patient_after, tiny_bert, toy


def watched(backbone, layer, x):
    kept = []
    handle = backbone.net.get_submodule(layer).register_forward_hook(lambda m, i, out: kept.append(out))
    with torch.no_grad():
        backbone.eval()(x)
    handle.remove()
    return kept[0][0] if isinstance(kept[0], tuple) else kept[0]


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("timm:test_resnet", "layer2", (3, 160, 160)),
        ("timm:test_vit", "blocks.2", (3, 160, 160)),
        ("timm:test_resnet", "layer3.0.conv1", (3, 160, 160)),
        ("vector:mlp", "layer1", (6,)),
        ("digits:cnn", "block2", (1, 16, 16)),
    ],
)
def test_cut_features_are_the_activation_of_the_layer(name, layer, shape):
    backbone = toy(name)
    x = torch.rand(2, *shape)
    expected = watched(backbone, layer, x)
    cut = patient_after(backbone, f"cut after={layer}").eval()
    with torch.no_grad():
        features = cut(x)
    if expected.ndim == 4:
        assert torch.equal(features["maps"][0], expected)
        assert torch.equal(features["pooled"], expected.mean(dim=(2, 3)))
    elif expected.ndim == 3:
        assert torch.equal(features["tokens"], expected)
    else:
        assert torch.equal(features["pooled"], expected)
    assert cut.card.params == sum(p.numel() for p in cut.parameters()) < backbone.card.params
    assert features["pooled"].shape == (2, cut.dim)


def test_tokens_of_a_text_encoder_are_pooled_over_the_mask(tmp_path):
    backbone = tiny_bert(tmp_path / "bert")
    x = {"input_ids": torch.randint(3, 13, (2, 4)), "attention_mask": torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])}
    expected = watched(backbone, "encoder.layer.0", x)
    cut = patient_after(backbone, "cut after=layers.0").eval()  # the stage's name
    with torch.no_grad():
        features = cut(x)
    assert torch.equal(features["tokens"], expected)
    assert torch.equal(features["pooled"], mean_over_tokens(expected, x["attention_mask"]))
    assert list(cut.stages()) == ["embeddings", "layers.0"]
    highest = patient_after(backbone, "cut after=layers.0 pool=max").eval()
    with torch.no_grad():
        assert torch.equal(highest(x)["pooled"][0], expected[0, :2].amax(dim=0))


def test_flatten_keeps_every_number_for_a_dense_classifier():
    backbone = toy("digits:cnn")
    flat = patient_after(backbone, "cut after=block2 pool=flatten").eval()
    assert flat.dim == 32 * 4 * 4
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(flat(x)["pooled"], watched(backbone, "block2", x).flatten(1))


def test_maps_of_a_channels_last_network_come_channels_first():
    swin = load_source("timm:swin_tiny_patch4_window7_224", {"pretrained": False})
    cut = patient_after(swin, "cut after=layers.0")
    features = cut.eval()(torch.rand(1, 3, 224, 224))
    assert features["maps"][0].shape == (1, 96, 56, 56) and cut.dim == 96


def test_a_cut_network_can_be_cut_again_and_learns():
    twice = patient_after(toy("timm:test_resnet"), "cut after=layer3", "cut after=layer1")
    assert list(twice.stages()) == ["stem", "layer1"]
    twice(torch.rand(2, 3, 64, 64))["pooled"].sum().backward()
    assert all(p.grad is not None for p in twice.parameters())


@pytest.mark.parametrize(
    ("name", "operation", "words"),
    [
        ("timm:test_resnet", "cut after=layer9", "no layer 'layer9'. Nearest: layer"),
        ("timm:test_resnet", "cut after=layer1 pool=cls", r"'layer1' gives \[B, 32, 40, 40\]; pool=cls needs tokens"),
        ("timm:test_vit", "cut after=norm.bias", "no layer"),
    ],
)
def test_wrong_places(name, operation, words):
    with pytest.raises(UsageError, match=words):
        operate(toy(name), [operation])


def test_maps_that_are_turned_inside_a_network_keep_their_channels():
    backbone = load_source("timm:test_convnext", {"pretrained": False})
    x = torch.rand(2, 3, 160, 160)
    inside = watched(backbone, "stages.2.blocks.0.mlp", x)  # [B, H, W, C]
    whole = watched(backbone, "stages.2.blocks.0", x)  # [B, C, H, W]
    assert inside.shape[-1] == whole.shape[1] == 48
    with torch.no_grad():
        cut = patient_after(backbone, "cut after=stages.2.blocks.0.mlp").eval()
        assert torch.equal(cut(x)["pooled"], inside.mean(dim=(1, 2)))
        assert torch.equal(
            patient_after(backbone, "cut after=stages.2.blocks.0").eval()(x)["pooled"], whole.mean((2, 3))
        )
    layer = patient_after(backbone, "insert layer=linear after=stages.2.blocks.0.mlp.fc1")
    assert layer.net.stages[2].blocks[0].mlp.fc1.inserted.in_features == 192


def test_patches_before_the_class_token_are_all_averaged():
    backbone = load_source("timm:deit_tiny_patch16_224", {"pretrained": False})
    x = torch.rand(2, 3, 224, 224)
    patches = watched(backbone, "patch_embed", x)
    with torch.no_grad():
        pooled = patient_after(backbone, "cut after=patch_embed").eval()(x)["pooled"]
    assert torch.allclose(pooled, patches.mean(dim=1), atol=1e-6)
    with pytest.raises(UsageError, match="patches alone"):
        patient_after(backbone, "cut after=patch_embed pool=cls")


def test_flattened_texts_are_refused(tmp_path):
    with pytest.raises(UsageError, match="texts differ"):
        patient_after(tiny_bert(tmp_path / "bert"), "cut after=layers.0 pool=flatten")


def test_a_place_that_the_cut_does_not_reach_the_end_of():
    with pytest.raises(UsageError, match="cut inside 'layer3'"):
        patient_after(toy("timm:test_resnet"), "cut after=layer3.0.conv1", "insert layer=dropout after=layer3")


@pytest.mark.parametrize("operation", ["replace layers=global_pool by=flatten", "cut after=layer2"])
def test_the_classifier_of_other_features_is_let_go(operation):
    backbone = toy("timm:test_resnet")
    assert backbone.source_classifier is not None
    assert patient_after(backbone, operation).source_classifier is None


def test_the_classifier_goes_where_the_features_keep_their_width():
    backbone = toy("timm:test_vit")
    cut = patient_after(backbone, "cut after=blocks.2")
    assert cut.dim == backbone.dim and cut.source_classifier is None
    backbone.card = replace(backbone.card, labels=tuple("abcdefg"))
    with pytest.raises(UsageError, match="cut leaves other features than the source's classifier"):
        patient_after(backbone, "adapt_output", "cut after=blocks.2")
