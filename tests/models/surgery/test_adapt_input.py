"""`adapt_input`: grey images give what they gave, positions stay at equal size, new words are means of their pieces."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from headstart.core.errors import UsageError
from headstart.data.transforms import make_transform
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models.load import load_source, rebuild
from headstart.models.operate import operate
from headstart.models.surgery._channels import new_channels
from models.surgery.patients import patient_after, tiny_bert, tiny_vit, toy


@pytest.mark.parametrize("by", ["inflate", "average"])
@pytest.mark.parametrize("channels", [1, 2, 4, 7])
@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit"])
def test_a_grey_image_gives_the_same_features(name, channels, by):
    backbone = toy(name).eval()
    adapted = patient_after(backbone, f"adapt_input channels={channels} by={by}").eval()
    grey = torch.randn(2, 1, 160, 160)
    with torch.no_grad():
        before = backbone(grey.expand(-1, 3, -1, -1))["pooled"]
        after = adapted(grey.expand(-1, channels, -1, -1))["pooled"]
    assert torch.allclose(before, after, atol=1e-4)
    assert adapted.card.input.channels == len(adapted.card.input.mean) == channels


def test_inflation_and_copies_keep_the_filters():
    weight = torch.randn(5, 3, 3, 3)
    assert torch.equal(new_channels(weight, 3, "inflate"), weight)
    four = new_channels(weight, 4, "inflate")
    assert torch.equal(four[:, 0], weight[:, 0] / 2) and torch.equal(four[:, 3], weight[:, 0] / 2)
    assert torch.equal(four[:, 1:3], weight[:, 1:3])
    copied = new_channels(weight, 5, "copy")
    assert torch.equal(copied[:, :3], weight) and torch.equal(copied[:, 3:], weight[:, :2])


def test_a_vit_of_transformers_takes_grey_images(tmp_path):
    backbone = tiny_vit(tmp_path).eval()
    adapted = patient_after(backbone, "adapt_input channels=1").eval()
    grey = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        same = adapted(grey)["pooled"]
        assert torch.allclose(same, backbone(grey.expand(-1, 3, -1, -1))["pooled"], atol=1e-5)
    assert rebuild(adapted.card).state_dict().keys() == adapted.state_dict().keys()


def _positions(backbone):
    names = [n for n, _ in backbone.named_parameters() if n.endswith(("pos_embed", "position_embeddings"))]
    return dict(backbone.named_parameters())[names[0]]


@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_positions_are_resampled_on_their_grid(kind, tmp_path):
    backbone = toy("timm:test_vit") if kind == "timm" else tiny_vit(tmp_path)
    size = backbone.card.input.height
    same = patient_after(backbone, f"adapt_input size={size}")
    assert torch.equal(_positions(same), _positions(backbone)), "the same size changes nothing"
    double = patient_after(backbone, f"adapt_input size={2 * size}")
    old, new = _positions(backbone), _positions(double)
    prefix = old.shape[1] % 4 if kind == "timm" else 1
    assert new.shape[1] - prefix == 4 * (old.shape[1] - prefix)
    assert torch.equal(new[:, :prefix], old[:, :prefix]), "the class token has no place on the grid"
    grid = int((old.shape[1] - prefix) ** 0.5)
    wide = new[0, prefix:].reshape(2 * grid, 2 * grid, -1)[1:-1:2, 1:-1:2]  # between neighbours, which it averages
    assert torch.corrcoef(torch.stack([wide[0, 0], old[0, prefix]]))[0, 1] > 0.3
    x = torch.randn(2, 3, 2 * size, 2 * size)
    assert double.eval()(x)["pooled"].shape == (2, backbone.dim)
    assert rebuild(double.card).state_dict().keys() == double.state_dict().keys()


def test_a_constant_grid_of_positions_stays_constant(tmp_path):
    backbone = tiny_vit(tmp_path)
    _positions(backbone).data[:, 1:] = 3.0
    assert torch.allclose(
        _positions(patient_after(backbone, "adapt_input size=48"))[:, 1:], torch.tensor(3.0), atol=1e-5
    )


def test_a_convolutional_network_takes_digits():
    backbone = toy("timm:test_resnet")
    adapted = patient_after(backbone, "adapt_input channels=1 size=28")
    assert isinstance(adapted.card.input, Image) and adapted.card.input.height == 28
    assert adapted.eval()(torch.rand(2, 1, 28, 28))["pooled"].shape == (2, backbone.dim)


@pytest.mark.parametrize("start", ["subword", "mean"])
def test_new_words_start_as_a_mean(tmp_path, start):
    backbone = tiny_bert(tmp_path / "bert")
    operated = operate(backbone, [f"adapt_input tokens=covid19,good start={start}"])
    changed: Any = operated.backbone
    old = backbone.net.get_input_embeddings().weight
    new = changed.net.get_input_embeddings().weight
    assert new.shape == (14, 16) and torch.equal(new[:13], old)
    pieces = AutoTokenizer.from_pretrained(tmp_path / "bert")("covid19", add_special_tokens=False)["input_ids"]
    assert len(pieces) == 3
    expected = old[pieces].mean(dim=0) if start == "subword" else old.mean(dim=0)
    assert torch.allclose(new[13], expected)
    assert changed.card.input.added == ("covid19",)
    assert any(note.kind == "warning" and "good" in note.message for note in operated.notes), "known already"


def test_new_words_reach_the_network_as_one_token(tmp_path):
    adapted = patient_after(tiny_bert(tmp_path / "bert"), "adapt_input tokens=covid19")
    expected = adapted.card.input
    assert isinstance(expected, Text)
    transform = make_transform(expected)
    items = transform.prepare(["the covid19"])
    assert items[0]["input_ids"].tolist() == [2, 5, 13, 3]


@pytest.mark.parametrize(
    ("name", "operation", "words"),
    [
        ("timm:test_vit", "adapt_input size=100", ["no multiple", "16"]),
        ("timm:test_vit", "adapt_input tokens=a", ["takes image"]),
        ("vector:mlp", "adapt_input channels=1", ["takes vector"]),
        ("timm:test_vit", "adapt_input", ["channels, size or tokens"]),
        ("timm:test_vit", "adapt_input channels=0", ["at least 1"]),
        ("timm:test_vit", "adapt_input chanels=1", ["channels"]),
    ],
)
def test_what_cannot_be_adapted(name, operation, words):
    with pytest.raises(UsageError) as error:
        operate(toy(name), [operation])
    assert all(word in str(error.value) for word in words)


def test_a_network_without_a_plain_convolution_keeps_its_channels():
    unfolding = toy("digits:cnn")
    unfolding.net.block1[0] = torch.nn.Sequential(torch.nn.Unfold(3, padding=1), torch.nn.Unflatten(2, (16, 16)))
    unfolding.net.block1[1] = torch.nn.Identity()
    unfolding.net.block2[0] = torch.nn.Conv2d(9, 32, 3, padding=1)
    with pytest.raises(UsageError, match="no plain convolution that takes 1 channels"):
        operate(unfolding, ["adapt_input channels=2"])


def test_the_units_of_the_channels_are_kept():
    backbone = toy("timm:test_resnet").eval()
    expects = backbone.card.input
    spread = dataclasses.replace(expects, mean=(0.5, 0.5, 0.5), std=(0.1, 0.2, 0.4))
    backbone.card = dataclasses.replace(backbone.card, input=spread)
    adapted = patient_after(backbone, "adapt_input channels=1").eval()
    grey = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        before = backbone((grey.expand(-1, 3, -1, -1) - 0.5) / torch.tensor(spread.std)[:, None, None])["pooled"]
        after = adapted((grey - adapted.card.input.mean[0]) / adapted.card.input.std[0])["pooled"]
    assert torch.allclose(after, before, atol=1e-5)


def test_patches_whose_size_is_one_number():
    backbone = load_source("timm:efficientvit_m0", {"pretrained": False})
    assert patient_after(backbone, "adapt_input size=160").card.input.height == 160
